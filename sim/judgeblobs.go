package sim

import (
	"bytes"
	"fmt"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/vfs/memfs"
)

// What was confirmed to an uploader is on a majority of the newest committed configuration, of both halves
// if it is joint, until its pin has expired. The judge looks at the files: when a confirmation
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
		if f.position < at {
			f.position, f.until, f.at = at, r.entry.Time.Add(w.pinFor()), w.now
		}
	}
	w.judgeBlobs()
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
		if f.position == 0 || now > f.until {
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
				if s := w.node(m.ID); (m.Inc == 0 || m.Inc == s.inc) && has(s.fs, f.sum) {
					have++
				}
			}
			if voters > 0 && have <= voters/2 {
				w.violate(BlobDurability, "File %s, confirmed at position %d, is on %d of %d voters.", f.sum.Short(), f.position, have, voters)
			}
		}
	}
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

// has reports whether a blob's file is there under a name that says that it is whole: the last one, or
// after a crash the one before it.
func has(fs *memfs.FS, sum blob.Sum) bool {
	for _, suffix := range [...]string{".blob", ".new"} {
		if _, err := fs.Contents(dataDir + "/blobs/" + sum.String() + suffix); err == nil {
			return true
		}
	}
	return false
}

// good reports whether all of a blob can be read from a disk as it is.
func (w *World) good(fs *memfs.FS, f *file) bool {
	if !has(fs, f.sum) {
		return false
	}
	c := fs.Clone()
	c.SetCapacity(0)
	c.CrashProcess()
	store, _, err := blob.Open(c, dataDir+"/blobs", w.blobOptions())
	if err != nil {
		return false
	}
	got, err := store.Read(f.sum, 0, len(f.content))
	return err == nil && bytes.Equal(got, f.content)
}

// lacksFiles says which file, that somebody may have confirmed or yet confirm, would be good on no node of the
// core any more.
func (w *World) lacksFiles(nodes *healths) string {
	now := w.committedTime()
	for i := range w.files {
		f := &w.files[i]
		if !f.asked || f.position != 0 && now > f.until {
			continue
		}
		somewhere, kept := false, false
		for _, s := range w.servers {
			somewhere = somewhere || has(s.fs, f.sum)
			fs := s.fs
			if s.device.trial != nil {
				fs = s.device.trial.fs
			}
			kept = kept || nodes[s.id].kept && w.good(fs, f)
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
		for i := range w.files {
			f := &w.files[i]
			if f.position == 0 || uint64(f.position) > uint64(due) || now > f.until {
				continue
			}
			if !w.good(s.fs, f) {
				list = append(list, fmt.Sprintf("node %d does not have file %s, pinned at %d", s.id, f.sum.Short(), f.position))
			}
		}
	}
	return list
}
