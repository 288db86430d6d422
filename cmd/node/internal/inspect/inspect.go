// Package inspect prints what a stopped node's directory holds. It changes nothing.
package inspect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"parley/cmd/node/internal/process"
	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs"
	"parley/raft/vfs/osfs"
	"parley/raft/wal"
)

// ErrDamaged is returned after a report that shows damage.
var ErrDamaged = errors.New("the log is damaged: " + node.NoWayBack)

// Run prints the report on a data directory.
func Run(dir string, w io.Writer) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no directory %s: name a node's data directory", dir)
	}
	if pid, alive := process.Running(filepath.Join(dir, "pid")); alive {
		return &process.InUseError{Dir: dir, Pid: pid}
	}
	fs, err := osfs.New(dir)
	if err != nil {
		return err
	}
	defer fs.Close()
	id, err := node.ReadIdentity(fs, ".")
	if errors.Is(err, vfs.ErrNotExist) {
		return fmt.Errorf("%s holds no node: it has no identity file", dir)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	printIdentity(t, dir, &id)
	if id.Cluster == 0 {
		return nil
	}
	report, err := wal.Inspect(fs, "wal")
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	printLog(t, &report)
	if was := &report.Was; len(was.Damage) > 0 || was.Hard.Floor != (raft.EntryID{}) {
		return ErrDamaged
	}
	return nil
}

func printIdentity(t io.Writer, dir string, id *node.Identity) {
	row(t, "directory", "%s", dir)
	row(t, "node", "%d, incarnation %v", id.Self.ID, id.Self.Inc)
	if id.Cluster == 0 {
		row(t, "cluster", "not formed yet")
		return
	}
	row(t, "cluster", "%v", id.Cluster)
	for _, m := range id.Members.Members {
		row(t, "founded by", "%d, peers %s, clients %s", m.ID, m.PeerAddr, m.ClientAddr)
	}
}

func printLog(t io.Writer, r *wal.Report) {
	was := &r.Was
	row(t, "term", "%d", was.Hard.Term)
	row(t, "vote", "%v", was.Hard.Vote)
	if !was.Certain {
		row(t, "LOST", "the end of the log: what follows is what was last to be seen of it")
	}
	if f := was.Hard.Floor; f != (raft.EntryID{}) {
		row(t, "FLOOR", "entry %d of term %d: what the log held up to there was lost", f.Index, f.Term)
	}
	row(t, "base", "%d of term %d", was.Base.Index, was.Base.Term)
	row(t, "last entry", "%d of term %d", was.Last, was.LastTerm)
	row(t, "readable entries", "%s", entries(was.Entries))
	row(t, "configuration", "at %d", was.ConfigIndex)
	row(t, "batches", "last %d, sealed through %d", r.Last, r.Sealed)
	for _, s := range r.Segments {
		row(t, "segment", "%d: %d batches, %d bytes", s.Number, s.Batches, s.End)
	}
	for _, n := range r.Left {
		row(t, "left over", "segment %d, which matters no more", n)
	}
	if was.Torn != nil {
		row(t, "torn", "%s (never acknowledged; recovery cuts it)", tornEntries(was.Torn))
	}
	for _, d := range was.Worn {
		row(t, "worn", "%v (nothing lost; the disk can't be trusted)", d)
	}
	for _, d := range was.Damage {
		row(t, "DAMAGED", "%v", d)
	}
	for _, h := range was.Holes {
		row(t, "HOLE", "%v", h)
	}
}

func row(w io.Writer, name, format string, args ...any) {
	fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
}

func entries(e []raft.Entry) string {
	if len(e) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d to %d", e[0].Index, e[len(e)-1].Index)
}

func tornEntries(t *wal.TornBatch) string {
	if t.First == 0 {
		return "a batch without entries"
	}
	return fmt.Sprintf("entries %d to %d", t.First, t.Last)
}
