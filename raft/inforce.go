package raft

import "slices"

// Which configuration is in force: the newest in the log, committed or not [§6]. The stack of them follows the log as it
// grows (configAppended), is cut (configTruncated) and is compacted (snapshot.go).

// configAt is a configuration and the entry that holds it.
type configAt struct {
	index  Index
	config Configuration
}

// config returns the configuration in force [§6]: every decision of this node counts by it.
func (r *Raft) config() *Configuration {
	return &r.configs[len(r.configs)-1].config
}

// committedConfig returns the newest configuration that is known to be committed.
func (r *Raft) committedConfig() *configAt {
	n := len(r.configs) - 1
	for n > 0 && r.configs[n].index > r.commit {
		n--
	}
	return &r.configs[n]
}

// configAppended puts a configuration entry in force [§6]. One that does not decode is
// left out; every node leaves it out alike.
func (r *Raft) configAppended(e *Entry) {
	if e.Kind != EntryConfig {
		return
	}
	c, err := DecodeConfiguration(e.Payload)
	if err != nil {
		return
	}
	at := len(r.configs)
	for r.configs[at-1].index > e.Index {
		at-- // a lost entry that came back: newer ones may be there
	}
	r.configs = slices.Insert(r.configs, at, configAt{e.Index, c})
	if at == len(r.configs)-1 {
		r.note(Note{Kind: NoteConfig, Index: e.Index})
	}
	if r.role == Leader {
		r.trackPeers()
	}
}

// configTruncated goes back to the configuration before i.
func (r *Raft) configTruncated(i Index) {
	n := len(r.configs)
	for n > 1 && r.configs[n-1].index >= i {
		n--
	}
	if n == len(r.configs) {
		return
	}
	clear(r.configs[n:])
	r.configs = r.configs[:n]
	r.note(Note{Kind: NoteConfig, Index: r.configs[n-1].index})
}
