package sim

import (
	"sort"
	"time"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/node"
)

// What nothing wants any more must go from the disks, or they fill with what nobody can ask for. A node may keep a content for the grace, by log
// time, from the moment in which it last had to do with it: was given it, promised it, was told by an entry or a snapshot that nothing wants it, or
// started and did not know what its predecessor had promised ("Collecting" in docs/blobs.md).
//
//	wanted ──▶ pin over, no name ──▶ started, promised, installed ──grace──▶ log time of an entry ──▶ removed
//	           └───────────── whatever came last counts ────────┘            applied by all

// collectedAfter is for how long, in good times, a node may still have to do with a content that nobody brings any more: a leader is elected, what was
// begun is offered and fetched, and a node that has started asks by a read what was committed then.
const collectedAfter = 3 * time.Second

// judgeCollected looks, when all is over, whether a node still has what the log let go long ago.
func (w *World) judgeCollected() {
	last := w.agreedEntry(w.due())
	if w.fading || len(w.files) == 0 || last == nil {
		return
	}
	pinned, grace, members := w.pinned(), w.blobOptions().Grace, w.membership()
	for _, s := range w.servers {
		m, member := members.Find(s.id)
		if !member || m.Inc != 0 && m.Inc != s.inc || !s.up || s.old || !w.staysWell(s.id) {
			continue
		}
		for i := range w.files {
			f := &w.files[i]
			since, ok := w.letGo(f.sum, pinned[f.sum])
			if !ok {
				continue
			}
			calm := w.timeAt(max(s.fresh, f.touched, int64(w.plan.Heal)) + int64(collectedAfter))
			kept := max(since, calm).Add(grace)
			if kept >= last.Time {
				continue
			}
			if w.cover.Sought++; holds(s.fs, f) {
				w.violate(Collection, "Node %d has file %s at log time %d, which nothing wants since %d and which it may keep until %d.",
					s.id, f.sum.Short(), last.Time, since, kept)
			}
		}
	}
}

// letGo returns the log time of the entry from which on nothing wants a content any more; false: something does still. A pin that was refused counts
// as well, as nodes may have promised what it says.
func (w *World) letGo(sum blob.Sum, pinned raft.LogTime) (since raft.LogTime, ok bool) {
	if pinned > 0 {
		n := len(w.judges.logs.committed)
		over := sort.Search(n, func(i int) bool { return w.agreedEntry(raft.Index(i+1)).Time > pinned })
		if over == n {
			return 0, false
		}
		since = w.agreedEntry(raft.Index(over + 1)).Time
	}
	if w.team == nil {
		return since, true
	}
	for _, f := range w.team.model.files {
		if f.Sum != sum {
			continue
		}
		last := f.is.at[len(f.is.at)-1]
		if f.is.when(last) {
			return 0, false
		}
		since = max(since, w.agreedEntry(raft.Index(last)).Time)
	}
	return since, true
}

// pinned returns until when each content was to be kept by the newest entry that says so.
func (w *World) pinned() map[blob.Sum]raft.LogTime {
	until := map[blob.Sum]raft.LogTime{}
	for i := range w.judges.logs.committed {
		if e := w.agreedEntry(raft.Index(i + 1)); e != nil {
			if c, ok := node.ConfirmationIn(e); ok {
				until[c.Sum] = e.Time.Add(w.pinFor())
			}
		}
	}
	return until
}

// timeAt is the log time of the newest entry that was committed at a time.
func (w *World) timeAt(at int64) raft.LogTime {
	c := w.judges.logs.committed
	n := sort.Search(len(c), func(i int) bool { return c[i].at > at })
	if n == 0 {
		return 0
	}
	return w.agreedEntry(raft.Index(n)).Time
}
