package blob

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"parley/raft"
	"parley/raft/vfs/memfs"
)

// world runs replicators over stores on memfs, with a network that loses, doubles and reorders,
// disks that take their time, crashes, rot, wiped directories and changes of the membership.
// Consensus is given: there is one log of committed entries, of which each node has applied a
// prefix, and after a restart a shorter one. Everything is drawn from the seed.
type world struct {
	seed, draws uint64
	now         raft.Mono
	events      []event // sorted by time, then by order of making
	made        uint64
	nodes       []*wnode
	log         []wentry
	table       *Table // at the end of the log
	rows        *sliceRows
	lossPercent int
	healed      bool
	tickets     uint64
	confirming  map[uint64]Sum
	keys        map[Sum]int // content by key
	incs        uint64
	stats       map[string]int

	// Hooks of tests that show what the judges are worth.
	tamperInput   func(n *wnode, in *Input) bool // false: the input is lost
	tamperDo      func(n *wnode, op Op, do func() Done) Done
	tamperMessage func(m *Message)
}

type event struct {
	at  raft.Mono
	seq uint64
	do  func() error
}

type entryKind uint8

const (
	entryClock entryKind = iota
	entryConfirm
	entryName
	entryUnname
	entryConfig
)

type wentry struct {
	kind      entryKind
	time      raft.LogTime
	confirm   Confirmation
	principal string
	sum       Sum
	config    raft.Configuration
}

type wnode struct {
	w       *world
	who     raft.Ident
	fs      *memfs.FS
	store   *Store
	rep     *Replicator
	run     uint64 // rises with each process; zero events of an earlier one happen
	alive   bool
	table   *Table
	config  int // entries of the log: configuration in force
	applied int
	started int // length of the log when the process started
	caught  bool
	lags    bool
	ops     int // under way
	diskAt  raft.Mono
	wakeAt  raft.Mono
	harmed  map[Sum]bool // by the test: not the replicators' fault
	durable map[Sum]bool // what the harshest crash would leave; nil: to be looked up
	waiting map[uint64]Sum
}

var worldOptions = Options{
	ChunkBytes: 64, BlobBytesMax: 4096, WindowChunks: 3, FetchesMax: 2, FetchBytesMax: 256, ServeBytesMax: 1 << 20,
	ScrubEvery: 500 * time.Millisecond, ScrubBytes: 200, Grace: 8 * time.Second, OffersMax: 4, ConfirmsMax: 8,
}

var worldRules = Rules{BlobBytesMax: 4096, PinFor: 40 * time.Second}

func newWorld(seed uint64, voters int) *world {
	w := &world{seed: seed, rows: &sliceRows{}, confirming: map[uint64]Sum{}, keys: map[Sum]int{}, lossPercent: 10, stats: map[string]int{}}
	w.table = NewTable(w.rows, worldRules)
	var c raft.Configuration
	for i := range voters {
		w.incs++
		c.Members = append(c.Members, raft.Member{Ident: raft.Ident{ID: raft.NodeID(i + 1), Inc: raft.Incarnation(w.incs)}, Voter: true})
	}
	w.append(wentry{kind: entryConfig, config: c})
	for _, m := range c.Members {
		w.add(m.Ident)
	}
	w.every(time.Second, func() error { w.append(wentry{kind: entryClock}); return nil })
	return w
}

func (w *world) draw(n int) int {
	w.draws++
	return int(raft.Mix(w.seed, w.draws) % uint64(n))
}

func (w *world) after(d time.Duration, do func() error) {
	w.made++
	e := event{w.now.Add(d), w.made, do}
	at, _ := slices.BinarySearchFunc(w.events, e, func(a, b event) int {
		if c := cmp.Compare(a.at, b.at); c != 0 {
			return c
		}
		return cmp.Compare(a.seq, b.seq)
	})
	w.events = slices.Insert(w.events, at, e)
}

func (w *world) every(d time.Duration, do func() error) {
	w.after(d, func() error { w.every(d, do); return do() })
}

// run lets time pass, and stops at the first thing that must not be.
func (w *world) run(d time.Duration) error {
	for end := w.now.Add(d); len(w.events) > 0 && w.events[0].at <= end; {
		e := w.events[0]
		w.events = w.events[1:]
		w.now = e.at
		if err := e.do(); err != nil {
			return err
		}
	}
	return nil
}

// append commits an entry. What it means is the same on every node.
func (w *world) append(e wentry) Code {
	e.time = raft.LogTime(w.now) + 1
	w.log = append(w.log, e)
	code := applyEntry(w.table, w.log, len(w.log)-1)
	w.table.Changes()
	return code
}

// configAt is the place of the configuration in force at a place of the log.
func configAt(log []wentry, at int) int {
	for log[at].kind != entryConfig {
		at--
	}
	return at
}

func applyEntry(t *Table, log []wentry, at int) Code {
	e := &log[at]
	code := CodeNone
	switch e.kind {
	case entryConfirm:
		code = t.Confirm(e.time, raft.Index(configAt(log, at)+1), e.confirm, e.principal)
	case entryName:
		code = t.Name(e.time, e.sum, e.principal)
	case entryUnname:
		code = t.Unname(e.sum)
	}
	t.Expire(e.time)
	return code
}

func (w *world) config() *raft.Configuration { return &w.log[configAt(w.log, len(w.log)-1)].config }

func (w *world) add(who raft.Ident) *wnode {
	n := &wnode{w: w, who: who, fs: memfs.New(w.seed), harmed: map[Sum]bool{}, waiting: map[uint64]Sum{}}
	w.nodes = append(w.nodes, n)
	n.start()
	w.every(50*time.Millisecond, n.applySome)
	return n
}

func (w *world) node(who raft.Ident) *wnode {
	for _, n := range w.nodes {
		if n.who == who {
			return n
		}
	}
	return nil
}

// start starts a process: from a snapshot somewhere at or before what was applied.
func (n *wnode) start() {
	w := n.w
	s, found, err := Open(n.fs, dir, worldOptions)
	if err != nil {
		panic(err)
	}
	n.durable = nil
	n.store, n.alive, n.run, n.ops, n.diskAt, n.wakeAt = s, true, n.run+1, 0, w.now, raft.Never
	n.rep = New(Config{Self: n.who, Run: raft.Mix(w.seed, uint64(n.who.Inc), n.run), Options: worldOptions, Found: found}, w.now)
	n.applied = w.draw(n.applied + 1)
	n.started, n.caught = len(w.log), false
	n.table = NewTable(&sliceRows{}, worldRules)
	for i := range n.applied {
		applyEntry(n.table, w.log, i)
	}
	n.table.Changes()
	n.config = configAt(w.log, max(n.applied-1, 0))
	time := raft.LogTime(0)
	if n.applied > 0 {
		time = w.log[n.applied-1].time
	}
	if err := n.step(
		Input{Kind: InputMembers, Config: &w.log[n.config].config, Index: raft.Index(n.config + 1)},
		Input{Kind: InputReset, Wants: n.table.Wants(), Position: raft.Position(n.applied), Time: time},
	); err != nil {
		panic(err)
	}
}

// crash ends the process, or the machine with it.
func (n *wnode) crash(machine bool) {
	if n.alive = false; machine {
		n.fs.CrashMachine(memfs.Chance(raft.Mix(n.w.seed, n.w.made)))
	} else {
		n.fs.CrashProcess()
	}
	n.run++
	n.durable = nil
	n.waiting = map[uint64]Sum{}
}

// applySome applies some of what is committed.
func (n *wnode) applySome() error {
	w := n.w
	if !n.alive || n.lags && !w.healed {
		return nil
	}
	var in []Input
	for range w.draw(4) {
		if n.applied == len(w.log) {
			break
		}
		e := &w.log[n.applied]
		applyEntry(n.table, w.log, n.applied)
		n.applied++
		at := raft.Position(n.applied)
		if e.kind == entryConfig {
			n.config = n.applied - 1
			in = append(in, Input{Kind: InputMembers, Config: &e.config, Index: raft.Index(n.applied)})
		}
		for _, c := range n.table.Changes() {
			kind := InputUnwant
			if c.Wanted {
				kind = InputWant
			}
			in = append(in, Input{Kind: kind, Want: c.Want, Position: at, Time: e.time})
		}
		in = append(in, Input{Kind: InputApplied, Position: at, Time: e.time})
	}
	if !n.caught && n.applied >= n.started && n.started > 0 {
		n.caught = true
		in = append(in, Input{Kind: InputCaughtUp})
	}
	return n.step(in...)
}

// step gives the replicator inputs and does what it says.
func (n *wnode) step(in ...Input) error {
	w := n.w
	if f := w.tamperInput; f != nil {
		kept := in[:0]
		for _, i := range in {
			if f(n, &i) {
				kept = append(kept, i)
			}
		}
		in = kept
	}
	var out Output
	out.Reset()
	n.rep.Step(w.now, in, &out)
	for i := range out.Send {
		w.send(&out.Send[i])
	}
	for _, op := range out.Disk {
		n.submit(op, nil)
	}
	for _, c := range out.Confirmed {
		if err := n.confirmed(c); err != nil {
			return err
		}
	}
	for _, f := range out.Failed {
		if _, ok := n.waiting[f.Ticket]; !ok {
			return fmt.Errorf("%v: a failure of %d, which nobody waits for", n.who, f.Ticket)
		}
		delete(n.waiting, f.Ticket)
		w.stats["failed: "+f.Reason.String()]++
	}
	for _, note := range out.Notes {
		w.stats[fmt.Sprintf("note %d", note.Kind)]++
	}
	if out.WakeAt < n.wakeAt || n.wakeAt <= w.now {
		n.wakeAt = max(out.WakeAt, w.now)
		if n.wakeAt != raft.Never {
			at, run := n.wakeAt, n.run
			w.after(at.Sub(w.now), func() error {
				if n.run != run || n.wakeAt != at {
					return nil
				}
				n.wakeAt = raft.Never
				return n.step()
			})
		}
	}
	return nil
}

func (w *world) send(m *Message) {
	if f := w.tamperMessage; f != nil {
		f(m)
	}
	body := AppendMessage(nil, m)
	copies := 1
	if !w.healed {
		switch p := w.draw(100); {
		case p < w.lossPercent:
			copies = 0
		case p < 2*w.lossPercent:
			copies = 2
		}
	}
	from, to := m.From, m.To
	for range copies {
		delay := time.Duration(1+w.draw(40)) * time.Millisecond
		if !w.healed && w.draw(50) == 0 {
			delay *= 100
		}
		w.after(delay, func() error {
			n := w.node(to)
			if n == nil || !n.alive {
				return nil
			}
			m, err := DecodeMessage(body)
			if err != nil {
				return err
			}
			m.From, m.To = from, to
			return n.step(Input{Kind: InputMessage, Message: m})
		})
	}
}

// submit queues an operation on the node's disk.
func (n *wnode) submit(op Op, then func(Done) error) {
	w, run := n.w, n.run
	n.diskAt = max(n.diskAt, w.now).Add(time.Duration(1+w.draw(4)) * time.Millisecond)
	n.ops++
	w.after(n.diskAt.Sub(w.now), func() error {
		if n.run != run {
			return nil
		}
		n.ops--
		do := func() Done { return n.store.Do(op) }
		var d Done
		if w.tamperDo != nil {
			d = w.tamperDo(n, op, do)
		} else {
			d = do()
		}
		switch op.Kind {
		case OpCommit, OpUploadCommit, OpRemove:
			n.durable = nil
		default:
			if d.Fault == FaultDamaged {
				n.durable = nil
			}
		}
		if d.Held.Gen != 0 {
			delete(n.harmed, d.Held.Sum)
		}
		if op.Kind == OpRemove && d.Fault == FaultNone {
			delete(n.harmed, op.Sum)
			w.stats["removed"]++
		}
		if err := n.step(Input{Kind: InputDone, Done: &d}); err != nil {
			return err
		}
		if then != nil {
			if err := then(d); err != nil {
				return err
			}
		}
		return w.judge()
	})
}

// upload is a client's: its content in pieces, then a commit, then the wait for a majority.
func (n *wnode) upload(key int) {
	w := n.w
	p := content(key, 40*key)
	sum := SumOf(p)
	w.keys[sum] = key
	w.tickets++
	id, ticket := w.tickets, w.tickets
	n.submit(Op{Kind: OpUploadBegin, Upload: id}, nil)
	for off := 0; off < len(p); off += 90 {
		n.submit(Op{Kind: OpUploadAppend, Upload: id, Offset: int64(off), Data: p[off:min(off+90, len(p))]}, nil)
	}
	n.submit(Op{Kind: OpUploadCommit, Upload: id, Sum: sum}, func(d Done) error {
		if d.Fault != FaultNone {
			return nil
		}
		n.waiting[ticket] = sum
		return n.step(Input{Kind: InputConfirm, Ticket: ticket, Want: Want{Sum: sum}})
	})
}

// confirmed proposes the pin, a while later.
func (n *wnode) confirmed(c Confirmation) error {
	w := n.w
	if n.waiting[c.Ticket] != c.Sum {
		return fmt.Errorf("%v: a confirmation that nobody waits for", n.who)
	}
	delete(n.waiting, c.Ticket)
	if int(c.Config) <= len(w.log) {
		if have, need := w.copies(c.Sum, &w.log[c.Config-1].config); have < need {
			return fmt.Errorf("%v confirms %s, of which only %d of %d copies are durable", n.who, c.Sum.Short(), have, need)
		}
	}
	w.stats["confirmed"]++
	delay := time.Duration(w.draw(100)) * time.Millisecond
	if w.draw(5) == 0 {
		delay *= 150 // late: it may have become stale
	}
	w.after(delay, func() error {
		code := w.append(wentry{kind: entryConfirm, confirm: c, principal: "p"})
		w.stats["pin: "+code.String()]++
		return w.judge()
	})
	return nil
}

// intact says whether a node has a blob on its disk such that the harshest crash would leave
// it readable.
func (n *wnode) intact(sum Sum) bool {
	if n.durable == nil {
		n.durable = map[Sum]bool{}
		fs := n.fs.Clone()
		fs.CrashMachine(memfs.DropAll)
		if s, found, err := Open(fs, dir, worldOptions); err == nil {
			for _, h := range found.Held {
				if _, err := s.Read(h.Sum, 0, int(h.Size)); err == nil {
					n.durable[h.Sum] = true
				}
			}
		}
	}
	return n.durable[sum]
}

// copies counts the copies of a blob in that half of a configuration that has fewer to spare: those
// that are durable, or were until the test harmed them; and how many are a majority.
func (w *world) copies(sum Sum, c *raft.Configuration) (have, need int) {
	count := func(votes func(m *raft.Member) bool) (have, need int) {
		for i := range c.Members {
			if m := &c.Members[i]; votes(m) {
				need++
				if n := w.node(m.Ident); n.harmed[sum] || n.intact(sum) {
					have++
				}
			}
		}
		return have, need/2 + 1
	}
	have, need = count(func(m *raft.Member) bool { return m.Voter })
	if c.Joint() {
		if h, n := count(func(m *raft.Member) bool { return m.VoterOld }); h-n < have-need {
			have, need = h, n
		}
	}
	return have, need
}

// judge checks what must hold at any time: what is named or pinned is durable on a majority.
func (w *world) judge() error {
	for _, want := range w.table.Wants() {
		if have, need := w.copies(want.Sum, w.config()); have < need {
			return fmt.Errorf("%s is wanted, and only %d of %d copies are durable", want.Sum.Short(), have, need)
		}
	}
	return nil
}

// final checks what must hold when all was quiet for long: every member that runs has what is
// wanted and nothing else, and nobody waits.
func (w *world) final() error {
	wants := w.table.Wants()
	for _, m := range w.config().Members {
		n := w.node(m.Ident)
		if !n.alive {
			continue
		}
		names, err := n.fs.List(dir)
		if err != nil {
			return err
		}
		var want []string
		for _, x := range wants {
			want = append(want, fileName(x.Sum, suffixBlob))
			if !n.intact(x.Sum) {
				return fmt.Errorf("%v does not have %s in the end", n.who, x.Sum.Short())
			}
		}
		// Uploads that broke off wait for their clients.
		names = slices.DeleteFunc(names, func(s string) bool { return strings.HasPrefix(s, "u") })
		if !slices.Equal(names, want) {
			return fmt.Errorf("%v has %v in the end, wanted are %v", n.who, names, want)
		}
		if len(n.waiting) > 0 {
			return fmt.Errorf("%v still has %d confirmations to answer", n.who, len(n.waiting))
		}
		if n.rep.asked+n.rep.writing+n.rep.serving+n.rep.removals+len(n.rep.fetches)+len(n.rep.offered) != 0 {
			return fmt.Errorf("%v is still busy", n.who)
		}
		if len(n.rep.blobs) != len(wants) || n.rep.wanted != len(wants) || n.rep.Missing() != 0 {
			return fmt.Errorf("%v knows %d blobs, %d wanted; wanted are %d", n.who, len(n.rep.blobs), n.rep.wanted, len(wants))
		}
		for _, x := range wants {
			for _, other := range w.config().Members {
				if w.node(other.Ident).alive && !slices.Contains(n.rep.Holders(x.Sum), other.Ident) {
					return fmt.Errorf("%v does not know that %v has %s", n.who, other.Ident, x.Sum.Short())
				}
			}
		}
	}
	return nil
}

// spare says whether a blob has an intact copy on a running member beside one.
func (w *world) spare(sum Sum, beside *wnode) bool {
	for _, m := range w.config().Members {
		if n := w.node(m.Ident); n != beside && n.intact(sum) {
			return true
		}
	}
	return false
}

func (w *world) spareAll(beside *wnode) bool {
	for _, x := range w.table.Wants() {
		if !w.spare(x.Sum, beside) {
			return false
		}
	}
	return true
}

// act does one thing to the world.
func (w *world) act() {
	members := w.config().Members
	n := w.node(members[w.draw(len(members))].Ident)
	sums := slices.SortedFunc(maps.Keys(w.keys), Sum.Compare)
	switch w.draw(16) {
	case 0, 1, 2, 3:
		if n.alive {
			n.upload(1 + w.draw(7))
		}
	case 4, 5:
		if len(sums) > 0 {
			w.append(wentry{kind: entryName, sum: sums[w.draw(len(sums))], principal: "p"})
		}
	case 6:
		if len(sums) > 0 {
			w.append(wentry{kind: entryUnname, sum: sums[w.draw(len(sums))]})
		}
	case 7, 8:
		if n.alive {
			n.crash(w.draw(2) == 0)
		}
	case 9, 10:
		if !n.alive {
			n.start()
		}
	case 11:
		n.lags = !n.lags
	case 12:
		w.rot(n, sums)
	case 13, 14:
		w.change(n)
	case 15:
		w.wipe(n)
	}
}

// rot flips a bit of a blob that has another good copy.
func (w *world) rot(n *wnode, sums []Sum) {
	if len(sums) == 0 {
		return
	}
	sum := sums[w.draw(len(sums))]
	name := dir + "/" + fileName(sum, suffixBlob)
	file, err := n.fs.Contents(name)
	if err != nil || !w.spare(sum, n) || !n.intact(sum) {
		return
	}
	w.stats["rot"]++
	n.harmed[sum], n.durable = true, nil
	if err := n.fs.FlipBit(name, int64(w.draw(len(file)*8))); err != nil {
		panic(err)
	}
}

// wipe loses a directory, if the others can spare it. The node is out for good; another
// may come in its place.
func (w *world) wipe(n *wnode) {
	running := 0
	for _, m := range w.config().Members {
		if m.Voter && w.node(m.Ident).alive && w.node(m.Ident) != n {
			running++
		}
	}
	if n.alive || running < 2 || !w.spareAll(n) {
		return
	}
	w.stats["wiped"]++
	for sum := range w.keys {
		n.harmed[sum] = n.harmed[sum] || n.intact(sum)
	}
	n.fs, n.durable = memfs.New(w.seed), nil
	n.start()
	n.crash(false)
	n.lags = true
}

// change changes the membership as a leader does: in the Step that appends the entry, on the
// word of a node that has applied all.
func (w *world) change(about *wnode) {
	c := w.config().Clone()
	var leader *wnode
	for _, m := range c.Members {
		if n := w.node(m.Ident); n.alive && n.applied == len(w.log) && m.Voter {
			leader = n
		}
	}
	if leader == nil {
		return
	}
	if c.Joint() { // the second half of a change
		var next raft.Configuration
		for _, m := range c.Members {
			if m.Voter {
				m.VoterOld = false
				next.Members = append(next.Members, m)
			}
		}
		if leader.rep.MayAdopt(&next).OK {
			w.stats["joint ended"]++
			w.append(wentry{kind: entryConfig, config: next})
		}
		return
	}
	voters, learner := 0, raft.Ident{}
	for _, m := range c.Members {
		if m.Voter {
			voters++
		} else {
			learner = m.Ident
		}
	}
	switch {
	case learner.IsZero() && len(c.Members) < 6:
		w.incs++
		who := raft.Ident{ID: raft.NodeID(w.incs), Inc: raft.Incarnation(w.incs)}
		c.Members = append(c.Members, raft.Member{Ident: who})
		w.append(wentry{kind: entryConfig, config: c})
		w.add(who)
		w.stats["added"]++
	case !learner.IsZero():
		if !leader.rep.MayPromote(learner.ID).OK {
			w.stats["promotion refused"]++
			return
		}
		// The learner takes the place of somebody, through a joint configuration.
		for i := range c.Members {
			m := &c.Members[i]
			m.VoterOld = m.Voter
			m.Voter = m.Ident != about.who && (m.Voter || m.Ident == learner)
		}
		next := c.Clone()
		if about.who == learner || !leader.rep.MayAdopt(&next).OK || !w.spareAll(about) {
			w.stats["replacement refused"]++
			return
		}
		w.stats["joint"]++
		w.append(wentry{kind: entryConfig, config: c})
	case voters > 3:
		if !leader.rep.MayRemove(about.who.ID).OK || !w.spareAll(about) {
			w.stats["removal refused"]++
			return
		}
		c.Members = slices.DeleteFunc(c.Members, func(m raft.Member) bool { return m.Ident == about.who })
		w.append(wentry{kind: entryConfig, config: c})
		w.stats["removed member"]++
	}
}

// heal ends all faults. A voter that is down may stay so for good, if the others have everything and
// are a majority.
func (w *world) heal() {
	w.healed = true
	stay := w.draw(2) == 0
	c := w.config()
	voters := 0
	for _, m := range c.Members {
		if m.Voter {
			voters++
		}
	}
	for _, m := range c.Members {
		n := w.node(m.Ident)
		if n.alive {
			continue
		}
		if stay && m.Voter && voters > 2 && !c.Joint() && w.spareAll(n) {
			stay = false
			w.stats["left down"]++
			continue
		}
		n.start()
	}
}

// story runs a whole life: faults, then peace.
func (w *world) story(acts int) error {
	for range acts {
		w.act()
		if err := w.judge(); err != nil {
			return err
		}
		if err := w.run(time.Duration(w.draw(4000)) * time.Millisecond); err != nil {
			return err
		}
	}
	w.heal()
	if err := w.run(5 * time.Minute); err != nil {
		return err
	}
	return w.final()
}

// sliceRows are a table's rows in the simplest way.
type sliceRows struct {
	keys   []string
	values [][]byte
}

func (s *sliceRows) Get(key string) ([]byte, bool) {
	at, ok := slices.BinarySearch(s.keys, key)
	if !ok {
		return nil, false
	}
	return s.values[at], true
}

func (s *sliceRows) Set(key string, value []byte) {
	at, ok := slices.BinarySearch(s.keys, key)
	switch {
	case value == nil && ok:
		s.keys, s.values = slices.Delete(s.keys, at, at+1), slices.Delete(s.values, at, at+1)
	case value == nil:
	case ok:
		s.values[at] = value
	default:
		s.keys, s.values = slices.Insert(s.keys, at, key), slices.Insert(s.values, at, value)
	}
}

func (s *sliceRows) Ascend(from string, yield func(string, []byte) bool) {
	at, _ := slices.BinarySearch(s.keys, from)
	for i := at; i < len(s.keys); i++ {
		if !yield(s.keys[i], s.values[i]) {
			return
		}
	}
}
