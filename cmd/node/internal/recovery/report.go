package recovery

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"parley/raft"
	"parley/raft/node"
)

// tell prints what is known, what goes on and what is given up.
func tell(w io.Writer, dir string, p *node.RecoveryReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row(t, "directory", "%s", dir)
	row(t, "node", "%d, incarnation %v", p.Old.Self.ID, p.Old.Self.Inc)
	row(t, "old cluster", "%v, term %d", p.Old.Cluster, p.Term)
	printEnd(t, dir, p)
	for _, err := range p.Snapshots {
		row(t, "DAMAGED", "%v", err)
	}
	if p.Blobs > 0 {
		row(t, "files", "%d, which are copied; %d of them are not here, and nobody has them any more", p.Blobs, p.MissingBlobs)
	}
	if l := p.Loss; l != nil {
		printLoss(t, l)
	}
	for _, m := range p.GivenUp() {
		row(t, "given up", "node %d, incarnation %v, peers %s, clients %s", m.ID, m.Inc, m.PeerAddr, m.ClientAddr)
	}
	if !p.Config.IsVoter(p.Old.Self) {
		row(t, "beware", "%s", "this node was no voter of the old cluster: others may have known more")
	}
	row(t, "new cluster", "%v, which begins at position %d with this node alone", p.New.Cluster, p.Base.Index)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, `
What only the nodes given up had is lost, also where it was acknowledged. What this node has is kept.
The nodes given up must never be started on their old directories again. The new cluster refuses them; a
majority of them would go on as the old cluster beside it.
`)
	return err
}

// printEnd tells how far the log goes and what is known of it.
func printEnd(t io.Writer, dir string, p *node.RecoveryReport) {
	if p.Known.Index == 0 {
		row(t, "certain", "%s", "no snapshot: of no entry it is known here that it was committed")
	} else {
		row(t, "certain", "up to entry %d of term %d, by a snapshot", p.Known.Index, p.Known.Term)
	}
	if p.Last.Index > p.Known.Index {
		row(t, "in doubt", "entries %d to %d: they may not have been committed, and are from now on", p.Known.Index+1, p.Last.Index)
	}
	row(t, "last entry", "%d of term %d, log time %v", p.Last.Index, p.Last.Term, time.Duration(p.Time))
	if at := lastWritten(dir); !at.IsZero() {
		row(t, "last written", "%s, by the files of the log", at.UTC().Format(time.RFC3339))
	}
}

func printLoss(t io.Writer, l *node.RecoveryLossError) {
	for _, d := range l.Damage {
		row(t, "DAMAGED", "%v", d)
	}
	for _, h := range l.Holes {
		row(t, "HOLE", "%v", h)
	}
	switch {
	case !l.Certain:
		row(t, "LOST", "entries from %d on, nobody can tell how many", l.From)
	case l.Claimed.Index >= l.From:
		row(t, "LOST", "entries %d to %d", l.From, l.Claimed.Index)
	}
}

// lastWritten is when a segment of the log was changed last; zero if there is none.
func lastWritten(dir string) (last time.Time) {
	segments, _ := filepath.Glob(filepath.Join(dir, "wal", "*.wal")) // the pattern is well-formed
	for _, name := range segments {
		if info, err := os.Stat(name); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}

// done says how it goes on.
func done(w io.Writer, dir, kept string, id *node.Identity) {
	self := raft.Member{}
	if len(id.Members.Members) > 0 {
		self = id.Members.Members[0]
	}
	fmt.Fprintf(w, `
%s is the start of cluster %v now. As it was, it is kept as %s.

  node start --dir %s
  node start --dir NEWDIR --id N --client-addr A --peer-addr P --join      (on each new machine, on an empty directory)
  parley --addrs %s cluster add --id N --peer-addr P --client-addr A
`, dir, id.Cluster, kept, dir, self.ClientAddr)
}

func row(w io.Writer, name, format string, args ...any) {
	fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
}
