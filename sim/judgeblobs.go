package sim

import (
	"bytes"
	"fmt"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/node"
	"parley/raft/vfs/memfs"
)

// What was confirmed to an uploader is on a majority of the newest committed configuration, of both halves
// if it is joint, until its pin has expired and no file of a team names it any more. The judge looks at the files: when a confirmation
// leaves, when a file is removed, when a process dies and with it what was not synced, when
// another configuration is in force. In worlds whose disks lose what they stored it does not
// count files; there the predicate recoverable keeps one good copy, and at the end every member must have its
// own again.

// judgeConfirmed looks at a confirmation as it leaves a node: there is an entry that pins the blob, and a
// majority has it.
func (w *World) judgeConfirmed(s *server, f *file, at raft.Position) {
	l := &w.judges.logs
	if at == 0 || uint64(at) > uint64(len(l.committed)) {
		w.violate(BlobDurability, "Node %d confirms file %s at position %d, which nobody has committed.", s.id, f.sum.Short(), at)
		return
	}
	for _, r := range l.registry[at-1] {
		if r.entry.Term != l.committed[at-1].term {
			continue
		}
		if !bytes.Contains(r.entry.Payload, f.sum[:]) {
			w.violate(BlobDurability, "Node %d confirms file %s at position %d, where no entry pins it.", s.id, f.sum.Short(), at)
		}
		w.judgePin(s, &r.entry)
		if f.position < at {
			f.position, f.until, f.at = at, r.entry.Time.Add(w.pinFor()), w.now
		}
	}
	w.judgeBlobs()
}

// judgePin looks at what a pin rests on: a confirmation by a majority of the very configuration that is in force at its entry, which those
// who gave it have not begun to forget by then.
func (w *World) judgePin(s *server, e *raft.Entry) {
	c, ok := node.ConfirmationIn(e)
	if !ok {
		return
	}
	l := &w.judges.logs
	at := e.Index - 1
	for at > 0 && len(w.configOf(at, l.committed[at-1].term).Members) == 0 {
		at--
	}
	if c.Config != at || e.Time > c.NotAfter {
		w.violate(BlobDurability, "Node %d confirms file %s at position %d by the word of the configuration of entry %d until log time %d, and that of entry %d is in force at log time %d.",
			s.id, c.Sum.Short(), e.Index, c.Config, c.NotAfter, at, e.Time)
	}
}

// judgeBlobs looks whether every confirmed file is where it must be.
func (w *World) judgeBlobs() {
	if w.fading || len(w.files) == 0 {
		return
	}
	members := w.membership()
	now := w.committedTime()
	for i := range w.files {
		f := &w.files[i]
		if f.position == 0 || w.unwanted(f, now) {
			continue
		}
		for _, old := range []bool{false, true} {
			voters, have := 0, 0
			for j := range members.Members {
				m := &members.Members[j]
				if !old && !m.Voter || old && !m.VoterOld {
					continue
				}
				voters++
				if s := w.node(m.ID); (m.Inc == 0 || m.Inc == s.inc) && holds(s.fs, f) {
					have++
				}
			}
			if voters > 0 && have <= voters/2 {
				w.violate(BlobDurability, "File %s, confirmed at position %d, is on %d of %d voters.", f.sum.Short(), f.position, have, voters)
			}
		}
	}
}

// unwanted reports whether a file may go: its pin has expired, and no file of the team names its content.
func (w *World) unwanted(f *file, now raft.LogTime) bool {
	return now > f.until && (w.team == nil || !w.team.model.names(f.sum))
}

// committedTime is the log time of the newest committed entry.
func (w *World) committedTime() raft.LogTime {
	l := &w.judges.logs
	n := len(l.committed)
	if n == 0 {
		return 0
	}
	for _, r := range l.registry[n-1] {
		if r.entry.Term == l.committed[n-1].term {
			return r.entry.Time
		}
	}
	return 0
}

// holds reports whether a blob's file is on a disk under a name that says that it is whole: the last one, or
// after a crash one of those before it.
func holds(fs *memfs.FS, f *file) bool {
	for name := range fs.Named(f.name) {
		switch name[len(f.name):] {
		case ".blob", ".new", ".again":
			return true
		}
	}
	return false
}

// shelf is a copy of a disk's blobs, to be read without leaving a trace.
type shelf struct{ store *blob.Store }

func (w *World) shelfOf(fs *memfs.FS) shelf {
	c := fs.Clone()
	c.SetCapacity(0)
	c.CrashProcess()
	store, _, err := blob.Open(c, dataDir+"/blobs", w.blobOptions())
	if err != nil {
		return shelf{}
	}
	return shelf{store}
}

// good reports whether all of a blob can be read as it is.
func (s shelf) good(f *file) bool {
	if s.store == nil {
		return false
	}
	got, err := s.store.Read(f.sum, 0, len(f.content))
	return err == nil && bytes.Equal(got, f.content)
}

// lacksFiles says which file, that somebody may have confirmed or yet confirm, would be good on no member of the
// core any more.
func (w *World) lacksFiles(c *raft.Configuration, nodes *healths) string {
	if len(w.files) == 0 {
		return ""
	}
	now := w.committedTime()
	var shelves [nodesMax + 1]*shelf // opened when somebody asks: mostly the first has every file
	shelfOf := func(s *server) *shelf {
		if shelves[s.id] == nil {
			fs := s.fs
			if s.device.trial != nil {
				fs = s.device.trial.fs
			}
			opened := shelf{}
			if nodes[s.id].kept {
				opened = w.shelfOf(fs)
			}
			shelves[s.id] = &opened
		}
		return shelves[s.id]
	}
	for i := range w.files {
		f := &w.files[i]
		if !f.asked || f.position != 0 && w.unwanted(f, now) {
			continue
		}
		somewhere, kept := false, false
		for _, s := range w.servers {
			if _, member := c.Find(s.id); member {
				somewhere = somewhere || holds(s.fs, f)
				kept = kept || shelfOf(s).good(f)
			}
		}
		if somewhere && !kept {
			return fmt.Sprintf("file %s would be good on no node of the core", f.sum.Short())
		}
	}
	return ""
}

// missingFiles lists the members that do not have what they should by now.
func (w *World) missingFiles(due raft.Index) (list []string) {
	members := w.membership()
	for _, s := range w.servers {
		m, member := members.Find(s.id)
		if !member || m.Inc != 0 && m.Inc != s.inc || !s.up || !s.isBack() || !w.staysWell(s.id) {
			continue
		}
		now := s.node.Status().LogTime
		shelf := w.shelfOf(s.fs)
		for i := range w.files {
			f := &w.files[i]
			if f.position == 0 || uint64(f.position) > uint64(due) || w.unwanted(f, now) {
				continue
			}
			if !shelf.good(f) {
				list = append(list, fmt.Sprintf("node %d does not have file %s, pinned at %d", s.id, f.sum.Short(), f.position))
			}
		}
	}
	return list
}
