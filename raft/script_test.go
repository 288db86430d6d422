package raft

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what the scripts print into testdata")

// TestScripts plays the conversations in testdata/scripts: what is said stands above the
// dashes, what came of it below. See scriptHelp.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			got := playScript(string(want))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				return
			}
			require.Equal(t, string(want), got)
		})
	}
}

// scriptHelp is what a script may say, one command a line, blocks end with "----":
//
//	cluster N               N voters with empty logs, formed
//	batch N                  before cluster: an Append holds at most N entries
//	lease D                  before cluster: leaders hold leases of at most D
//	log N T T T …           node N starts anew with entries of these terms
//	term N T [vote M]       node N starts anew with this hard state
//	campaign N              node N's election timer fires
//	propose N text          a caller asks node N to append
//	read N ticket           a caller asks node N to read
//	transfer N M            an operator asks node N to hand leadership to M (0: to the fittest)
//	spare N                 node N is made with an empty log, in no configuration
//	add N M                 an operator asks node N to add node M
//	remove N M              … to remove node M
//	promote N M             … to make the learner M a voter
//	replace N M K           … to add node K in the place of M
//	members                 every node's configuration, as it has it in force
//	deliver [A->B …]        deliver what is in flight (to quiescence without links)
//	drop [A->B …]           lose it
//	cut N / heal N          node N's messages are lost both ways until healed
//	hold N / store N        node N's disk completes nothing until told / completes all
//	crash N / restart N     the machine loses what is not stored
//	snapshot N I            node N has a durable snapshot up to I, and compacts its log
//	install N M             node M gets node N's newest snapshot, durable and decoded
//	damage N I J            node N starts anew; its disk has lost the entries I to J
//	blind N I               node N starts anew; from I on not even the terms are known: a floor stays
//	wait 100ms              time passes for all
//	show                    every node's role, term, commit and log, as terms
func playScript(text string) string {
	c := &scripted{}
	var out bytes.Buffer
	var block []string
	skipping := false
	for _, line := range strings.SplitAfter(text, "\n") {
		s := strings.TrimSpace(line)
		switch {
		case s == "----":
			out.WriteString(line)
			for _, cmd := range block {
				c.run(cmd)
			}
			out.WriteString(c.said.String())
			c.said.Reset()
			block = block[:0]
			skipping = true
		case skipping && s != "":
		case s == "":
			skipping = false
			out.WriteString(line)
		default:
			out.WriteString(line)
			if !strings.HasPrefix(s, "#") {
				block = append(block, s)
			}
		}
	}
	return out.String()
}

type scripted struct {
	said  bytes.Buffer
	now   Mono
	base  Configuration
	nodes []*scriptNode
	fly   []Message
	cut   map[NodeID]bool

	limits Limits
	lease  time.Duration
}

type scriptNode struct {
	*Raft
	out    Output
	disk   Restored
	snaps  []Base // durable, oldest first
	held   bool
	queue  []Store
	down   bool
	ticket uint64
}

func (c *scripted) say(format string, args ...any) { fmt.Fprintf(&c.said, format+"\n", args...) }

func (c *scripted) run(cmd string) {
	f := strings.Fields(cmd)
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	num := func(i int) uint64 { n, _ := strconv.ParseUint(arg(i), 10, 64); return n }
	node := func() *scriptNode { return c.nodes[num(1)-1] }
	switch f[0] {
	case "batch":
		c.limits.AppendEntriesMax = int(num(1))
	case "lease":
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			c.say("error: %v", err)
		}
		c.lease = d
	case "cluster":
		c.cut = map[NodeID]bool{}
		for i := range num(1) {
			c.base.Members = append(c.base.Members, Member{Ident: Ident{NodeID(i + 1), 7}, Voter: true})
		}
		for i := range c.base.Members {
			n := &scriptNode{disk: Restored{Base: Base{Config: c.base}}}
			c.nodes = append(c.nodes, n)
			c.start(i, n)
		}
	case "log":
		n := node()
		n.disk = Restored{Hard: n.disk.Hard, Base: Base{Config: c.base}}
		for i := 2; i < len(f); i++ {
			e := Entry{Index: Index(i - 1), Term: Term(num(i)), Kind: EntryCommand, Payload: []byte(arg(i))}
			e.Sum = EntrySum(scriptCluster, &e)
			n.disk.Entries = append(n.disk.Entries, e)
			n.disk.Hard.Term = max(n.disk.Hard.Term, e.Term)
		}
		c.start(int(num(1))-1, n)
	case "term":
		n := node()
		n.disk.Hard = HardState{Term: Term(num(2))}
		if arg(3) == "vote" {
			n.disk.Hard.Vote = Ident{NodeID(num(4)), 7}
		}
		c.start(int(num(1))-1, n)
	case "campaign":
		c.step(node(), Input{Kind: InputCampaign})
	case "propose":
		n := node()
		n.ticket++
		c.step(n, Input{Kind: InputPropose, Proposal: Proposal{Ticket: n.ticket, Kind: EntryCommand, Payload: []byte(arg(2))}})
	case "read":
		c.step(node(), Input{Kind: InputRead, Ticket: num(2)})
	case "transfer":
		c.step(node(), Input{Kind: InputTransfer, Peer: NodeID(num(2)), Ticket: 900})
	case "spare":
		n := &scriptNode{disk: Restored{Base: Base{Config: c.base}}}
		c.nodes = append(c.nodes, n)
		c.start(len(c.nodes)-1, n)
	case "add":
		c.step(node(), Input{Kind: InputChange, Ticket: 700, Change: Change{Kind: ChangeAdd, Member: Member{Ident: ident(int(num(2)))}}})
	case "remove":
		c.step(node(), Input{Kind: InputChange, Ticket: 701, Change: Change{Kind: ChangeRemove, ID: NodeID(num(2))}})
	case "promote":
		c.step(node(), Input{Kind: InputChange, Ticket: 702, Change: Change{Kind: ChangePromote, ID: NodeID(num(2))}})
	case "replace":
		c.step(node(), Input{Kind: InputChange, Ticket: 703, Change: Change{Kind: ChangeReplace, ID: NodeID(num(2)), Member: Member{Ident: ident(int(num(3)))}}})
	case "members":
		for i, n := range c.nodes {
			if !n.down {
				c.say("%d has in force %s", i+1, describeConfig(n.config()))
			}
		}
	case "deliver":
		c.deliver(f[1:], true)
	case "drop":
		c.deliver(f[1:], false)
	case "cut":
		c.cut[NodeID(num(1))] = true
	case "heal":
		delete(c.cut, NodeID(num(1)))
	case "hold":
		node().held = true
	case "store":
		n := node()
		n.held = false
		c.complete(n)
	case "crash":
		n := node()
		n.down, n.queue = true, nil
		c.say("%d crashes", num(1))
	case "restart":
		n := node()
		c.start(int(num(1))-1, n)
		c.say("%d restarts in term %d with %d entries", num(1), n.Term(), n.LastIndex())
	case "snapshot":
		n := node()
		n.snaps = append(n.snaps, n.BaseAt(Index(num(2))))
		n.disk.Applied = Index(num(2))
		c.step(n, Input{Kind: InputCompact, Index: Index(num(2))})
	case "install":
		to := c.nodes[num(2)-1]
		b := node().snaps[len(node().snaps)-1]
		to.snaps = append(to.snaps, b)
		c.step(to, Input{Kind: InputInstall, Base: &b})
		if to.out.Installed != 0 {
			to.disk.Applied = to.out.Installed
		}
	case "damage":
		n := node()
		for i := num(2); i <= num(3); i++ {
			e := n.disk.at(Index(i))
			*e = Entry{Index: e.Index, Term: e.Term, Sum: e.Sum}
		}
		c.start(int(num(1))-1, n)
	case "blind":
		n := node()
		last := n.disk.Entries[len(n.disk.Entries)-1]
		n.disk.Hard.Floor = EntryID{last.Index, last.Term}
		n.disk.cut(Index(num(2)))
		c.start(int(num(1))-1, n)
	case "wait":
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			c.say("error: %v", err)
		}
		c.now = c.now.Add(d)
		for _, n := range c.nodes {
			if !n.down {
				c.step(n)
			}
		}
	case "show":
		for i, n := range c.nodes {
			c.show(i, n)
		}
	default:
		c.say("error: unknown command %q", f[0])
	}
}

const scriptCluster ClusterID = 9

func (c *scripted) start(i int, n *scriptNode) {
	n.down, n.held, n.queue = false, false, nil
	n.Raft = New(Config{Self: ident(i + 1), Cluster: scriptCluster, Seed: 1, Limits: c.limits, Lease: c.lease}, Restored{
		Hard: n.disk.Hard, Base: n.disk.Base, Applied: n.disk.Applied, Entries: slices.Clone(n.disk.Entries),
	}, c.now)
}

// at returns the entry at i of what a disk keeps.
func (d *Restored) at(i Index) *Entry { return &d.Entries[i-d.Base.Entry.Index-1] }

// cut removes the entries from i on.
func (d *Restored) cut(i Index) { d.Entries = d.Entries[:i-d.Base.Entry.Index-1] }

// store does what a disk does with a Store, given the snapshots that it holds.
func (d *Restored) store(s *Store, snaps []Base) {
	d.Hard = s.Hard
	if s.Base.Index != 0 {
		for _, b := range snaps {
			if b.Entry != s.Base {
				continue
			}
			if s.Reset {
				d.Entries = nil
			} else {
				d.Entries = slices.Clone(d.Entries[s.Base.Index-d.Base.Entry.Index:])
			}
			d.Base = b
			d.Applied = max(d.Applied, s.Base.Index)
		}
		if d.Base.Entry != s.Base {
			panic(fmt.Sprintf("no snapshot for base %v", s.Base))
		}
	}
	if s.Truncate != 0 {
		d.cut(s.Truncate)
	}
	for _, e := range s.Fill {
		was := d.at(e.Index)
		if was.Kind != 0 || was.Term != e.Term {
			panic(fmt.Sprintf("entry %d is filled and was not lost", e.Index))
		}
		*was = e
	}
	for _, e := range s.Entries {
		if e.Index != d.Base.Entry.Index+Index(len(d.Entries))+1 {
			panic(fmt.Sprintf("entry %d is stored behind %d", e.Index, d.Base.Entry.Index+Index(len(d.Entries))))
		}
		d.Entries = append(d.Entries, e)
	}
}

func (c *scripted) step(n *scriptNode, in ...Input) {
	n.out.Reset()
	n.Step(c.now, in, &n.out)
	c.tell(n)
	c.fly = append(c.fly, n.out.Send...)
	n.queue = append(n.queue, n.out.Store...)
	if !n.held {
		c.complete(n)
	}
}

// complete lets the node's disk store all that is queued, in order.
func (c *scripted) complete(n *scriptNode) {
	queue := n.queue
	n.queue = nil
	for _, s := range queue {
		n.disk.store(&s, n.snaps)
		c.fly = append(c.fly, s.Then...)
		c.step(n, Input{Kind: InputStored, Stored: s.Seq})
	}
}

func (c *scripted) deliver(links []string, keep bool) {
	for round := 0; round < 1000; round++ {
		var now, later []Message
		for _, m := range c.fly {
			link := fmt.Sprintf("%d->%d", m.From.ID, m.To.ID)
			if len(links) == 0 || slices.Contains(links, link) {
				now = append(now, m)
			} else {
				later = append(later, m)
			}
		}
		c.fly = later
		for _, m := range now {
			to := c.nodes[m.To.ID-1]
			if !keep || to.down || c.cut[m.From.ID] || c.cut[m.To.ID] {
				continue
			}
			wire, err := DecodeMessage(AppendMessage(nil, &m))
			if err != nil {
				c.say("error: %v", err)
			}
			c.step(to, Input{Kind: InputMessage, Message: &wire})
		}
		if len(now) == 0 || len(links) > 0 || !keep {
			return
		}
	}
	c.say("error: messages without end")
}

// tell prints what a Step brought about, in the paper's words.
func (c *scripted) tell(n *scriptNode) {
	id := n.cfg.Self.ID
	for _, note := range n.out.Notes {
		switch note.Kind {
		case NoteRole:
			c.say("%d is %s in term %d", id, Role(note.A), note.Term)
		case NoteVote:
			c.say("%d votes for %d in term %d", id, note.Peer, note.Term)
		case NoteTruncate:
			c.say("%d removes entries from %d on", id, note.Index)
		case NoteReject:
			c.say("%d rejects; %d looks at %d", note.Peer, id, note.Index)
		case NoteCommit:
			c.say("%d commits up to %d", id, note.Index)
		case NoteQuorumLost:
			c.say("%d heard from no quorum", id)
		case NoteTransfer:
			c.say("%d offers leadership to %d", id, note.Peer)
		case NoteConfig:
			c.say("%d has in force %s", id, describeConfig(n.config()))
		case NoteLease:
			c.say("%d holds a lease", id)
		case NoteRemoved:
			c.say("%d was removed by entry %d", id, note.Index)
		case NoteCompact:
			c.say("%d begins its log behind %d", id, note.Index)
		case NoteFill:
			c.say("%d gets entry %d back from %d", id, note.Index, note.Peer)
		case NoteCut:
			c.say("%d cuts its log at %d: that was never committed", id, note.Index)
		case NoteWhole:
			c.say("%d has lost nothing any more", id)
		case NoteBreach:
			c.say("%d drops a message of %d that contradicts what is proven", id, note.Peer)
		}
	}
	for _, p := range n.out.Lagging {
		c.say("%d has compacted what %d needs", id, p.ID)
	}
	if n.out.Installed != 0 {
		c.say("%d goes on from the snapshot up to %d", id, n.out.Installed)
	}
	for _, r := range n.out.Refused {
		c.say("%d refuses %d: %s, ask %d", id, r.Ticket, r.Reason, r.Hint)
	}
	for _, ch := range n.out.Changed {
		c.say("%d has changed the membership by entry %d", id, ch.Index)
	}
	for range n.out.Handed {
		c.say("%d has handed leadership to %d", id, n.Leader().ID)
	}
	for _, r := range n.out.Reads {
		c.say("%d may answer read %d from index %d", id, r.Ticket, r.Index)
	}
}

// describeConfig prints a configuration: "{1 2 3}", joint "{1 2 3 | 1 2 3 4}", learners
// behind a plus.
func describeConfig(c *Configuration) string {
	var old, voters, learners []string
	for _, m := range c.Members {
		id := fmt.Sprint(uint64(m.ID))
		if m.VoterOld {
			old = append(old, id)
		}
		if m.Voter {
			voters = append(voters, id)
		}
		if !m.Voter && !m.VoterOld {
			learners = append(learners, id)
		}
	}
	s := strings.Join(voters, " ")
	if c.Joint() {
		s = strings.Join(old, " ") + " | " + s
	}
	if len(learners) > 0 {
		s += " + " + strings.Join(learners, " ")
	}
	return "{" + s + "}"
}

func (c *scripted) show(i int, n *scriptNode) {
	if n.down {
		c.say("%d down", i+1)
		return
	}
	var log []string
	if b := n.BaseEntry(); b.Index > 0 {
		log = append(log, fmt.Sprintf("…%d/%d", b.Index, b.Term))
	}
	for j := n.BaseEntry().Index + 1; j <= n.LastIndex(); j++ {
		t, _ := n.TermAt(j)
		text := strconv.FormatUint(uint64(t), 10)
		if _, ok := n.EntryAt(j); !ok {
			text += "?"
		}
		log = append(log, text)
	}
	if f := n.HardState().Floor; f != (EntryID{}) {
		log = append(log, fmt.Sprintf("floor %d/%d", f.Index, f.Term))
	}
	c.say("%d %-13s term %d commit %d log [%s]", i+1, n.Role(), n.Term(), n.Commit(), strings.Join(log, " "))
}
