package node

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/snap"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// toy is the least state machine: a list of lines. It keeps the last keep
// events (all if zero).
type toy struct {
	lines []string
	at    []raft.Position
	keep  int
	hash  Hash

	told  []string     // what it was told and asked, in order: "advance 7", "apply 7"
	where []Applied    // of every "advance"
	alarm raft.LogTime // at which it writes the line "rang"; zero: never
}

// Advance takes down that it was told.
func (m *toy) Advance(at Applied) {
	m.told = append(m.told, fmt.Sprintf("advance %d", at.Position))
	m.where = append(m.where, at)
	if m.alarm != 0 && at.Time >= m.alarm {
		m.alarm = 0
		m.Apply(at, []byte("rang"))
	}
}

func (m *toy) NextDeadline() (raft.LogTime, bool) { return m.alarm, m.alarm != 0 }

// Apply has one command that is more than a line: "alarm" and a duration.
func (m *toy) Apply(at Applied, command []byte) []byte {
	m.told = append(m.told, fmt.Sprintf("apply %d", at.Position))
	if after, ok := strings.CutPrefix(string(command), "alarm "); ok {
		d, _ := time.ParseDuration(after)
		m.alarm = at.Time.Add(d)
	}
	m.lines = append(m.lines, string(command))
	m.at = append(m.at, at.Position)
	m.hash.add(newHasher(1).u64(uint64(at.Position)).u64(uint64(at.Session)).bytes(command).sum())
	return fmt.Appendf(nil, "%d:%s", len(m.lines), command)
}

// ApplyNaming has commands that name a blob, "name <sum> <by>", and take a name back, "unname <sum>"; the reply says
// what came of it. Others are lines.
func (m *toy) ApplyNaming(at Applied, names Names, command []byte) []byte {
	var sum blob.Sum
	var by string
	word, rest, _ := strings.Cut(string(command), " ")
	digits, by, _ := strings.Cut(rest, " ")
	if b, err := hex.DecodeString(digits); err != nil || len(b) != len(sum) {
		return m.Apply(at, command)
	} else {
		sum = blob.Sum(b)
	}
	code := blob.CodeUnknown
	switch word {
	case "name":
		code = names.Name(sum, by)
	case "unname":
		code = names.Unname(sum)
	}
	m.Apply(at, command)
	return []byte(code.String())
}

func (m *toy) Query([]byte) []byte {
	var b []byte
	for _, l := range m.lines {
		b = append(append(b, l...), ' ')
	}
	return bytes.TrimSpace(b)
}

func (m *toy) EventsAfter(from raft.Position, limit int) ([]EventFrame, bool) {
	first := 0
	if m.keep != 0 {
		first = max(0, len(m.lines)-m.keep)
	}
	if first > 0 && from < m.at[first-1] {
		return nil, true
	}
	var frames []EventFrame
	for i := first; i < len(m.lines) && len(frames) < limit; i++ {
		if m.at[i] > from {
			frames = append(frames, EventFrame{Position: m.at[i], Body: []byte("e:" + m.lines[i]), Parts: partsOf(m.lines[i])})
		}
	}
	return frames, false
}

func (m *toy) StateHash() Hash { return m.hash }

func (m *toy) Clone() StateMachine {
	c := *m
	c.lines = append([]string(nil), m.lines...)
	c.at = append([]raft.Position(nil), m.at...)
	c.told, c.where = append([]string(nil), m.told...), append([]Applied(nil), m.where...)
	return &c
}

// WriteSnapshot writes, per line, its position, its length and itself, and the hash at the end.
func (m *toy) WriteSnapshot(w io.Writer) error {
	out := stateWriter{}
	out.u(uint64(len(m.lines)))
	for i, l := range m.lines {
		out.u(uint64(m.at[i]))
		out.bytes([]byte(l))
	}
	out.u(m.hash[0], m.hash[1])
	_, err := w.Write(out.dst)
	return err
}

func (m *toy) Restore(r io.Reader) error {
	src, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	u := func() (v uint64) {
		if len(src) < 8 {
			src, err = nil, io.ErrUnexpectedEOF
			return 0
		}
		v, src = binary.LittleEndian.Uint64(src), src[8:]
		return v
	}
	t := toy{keep: m.keep}
	for n := u(); n > 0 && err == nil; n-- {
		t.at = append(t.at, raft.Position(u()))
		l := u()
		if l > uint64(len(src)) {
			return io.ErrUnexpectedEOF
		}
		t.lines = append(t.lines, string(src[:l]))
		src = src[l:]
	}
	t.hash = Hash{u(), u()}
	if len(src) > 0 {
		return errors.New("toy: bytes left over")
	}
	if err == nil {
		*m = t
	}
	return err
}

// cluster is a few members, their disks, and messages in a queue. Nothing happens by
// itself: a test delivers, advances and crashes.
type cluster struct {
	t        require.TestingT
	now      raft.Mono
	settings Settings // but for what differs per member
	keep     int
	members  []*member
	wire     []raft.Message
	cut      func(m *raft.Message) bool // messages that get lost
	tickets  Ticket
	segment  int64 // bytes of the log's
}

type member struct {
	c        *cluster
	id       raft.NodeID
	starts   uint64
	fs       *memfs.FS
	disk     *Disk
	node     *Node
	sm       *toy
	up       bool
	joins    bool   // it is started without seeds, to be added
	maxLevel uint32 // the release it plays; zero: the newest
	held     bool   // the disk takes writes and does not complete them
	queue    []Event
	answers  []Answer
	frames   []Frame
	notes    []raft.Note
	stopped  error
	failed   error // what the disk said last
	found    Found // by recovery

	idle     bool // the workers do nothing; tasks and operations wait
	blobs    []blob.Op
	tasks    []Task
	taskErrs []error
	aheads   []ahead
}

func newCluster(t require.TestingT, nodes int) *cluster {
	c := &cluster{t: t, now: 1, segment: small.SegmentBytes}
	for id := raft.NodeID(1); int(id) <= nodes; id++ {
		c.settings.Seeds = append(c.settings.Seeds, Seed{
			ID: id, PeerAddr: fmt.Sprintf("p%d", id), ClientAddr: fmt.Sprintf("c%d", id)})
		c.members = append(c.members, &member{c: c, id: id, fs: memfs.New(uint64(id))})
	}
	return c
}

// formed returns a cluster with a leader, whose member 1 formed it.
func formed(t require.TestingT, nodes int) *cluster {
	c := newCluster(t, nodes)
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	return c
}

func (c *cluster) startAll() {
	for _, m := range c.members {
		require.NoError(c.t, m.start())
	}
}

func (m *member) start() error {
	m.starts++
	m.stopped, m.failed, m.queue = nil, nil, nil
	disk, boot, err := OpenDisk(m.fs, "data", DiskOptions{
		ID: m.id, Inc: raft.Incarnation(uint64(m.id)<<56 | m.starts), WAL: wal.Options{SegmentBytes: m.c.segment},
		Machine: &toy{keep: m.c.keep}, Rules: m.c.settings.Rules, Snap: snap.Options{ChunkBytes: 64}, Blobs: m.c.settings.Blobs})
	if err != nil {
		return err
	}
	s := m.c.settings
	if m.joins {
		s.Seeds, s.PeerAddr, s.ClientAddr = nil, fmt.Sprintf("p%d", m.id), fmt.Sprintf("c%d", m.id)
	}
	s.Seed = uint64(m.id)
	if m.maxLevel != 0 {
		s.MaxLevel = m.maxLevel
	}
	s.Cluster = raft.ClusterID(uint64(m.id)<<32 | m.starts)
	m.disk, m.up, m.found = disk, true, boot.Found
	m.node = New(s, boot, &toy{keep: m.c.keep}, m.c.now)
	m.step()
	return nil
}

// crash ends the process, and the page cache with it if machine is set.
func (m *member) crash(machine memfs.Chooser) {
	m.up = false
	m.fs.SetHook(nil)
	if machine != nil {
		m.fs.CrashMachine(machine)
	} else {
		m.fs.CrashProcess()
	}
}

// wipe loses the directory.
func (m *member) wipe() {
	m.crash(nil)
	m.fs = memfs.New(uint64(m.id) + 1000*m.starts)
}

// ahead is what was taken out of the middle of a Step: how many lines were applied then, and how many stores there were.
type ahead struct{ applied, stores int }

// step hands events to the node and carries out what it wants, as the driver's
// contract says: identity, stores, sync, promises, completion.
func (m *member) step(events ...Event) {
	m.queue = append(m.queue, events...)
	for again := true; again && m.up; again = len(m.queue) > 0 {
		in := m.queue
		m.queue = nil
		var out, early Output
		out.Reset()
		if m.id%2 == 0 { // every other one has them taken out of the middle of a Step
			out.Ahead = func(o *Output) {
				early = Output{Identity: o.Identity, Store: slices.Clone(o.Store), Send: slices.Clone(o.Send)}
				o.Begun()
				m.aheads = append(m.aheads, ahead{len(m.node.sm.(*toy).lines), len(early.Store)})
			}
		}
		m.node.Step(m.c.now, in, &out)
		out.Identity, out.Store, out.Send = cmp.Or(early.Identity, out.Identity), append(early.Store, out.Store...), append(early.Send, out.Send...)
		m.c.wire = append(m.c.wire, out.Send...)
		m.answers = append(m.answers, out.Done...)
		m.frames = append(m.frames, out.Push...)
		m.notes = append(m.notes, out.Notes...)
		m.sm = m.node.sm.(*toy) // a snapshot may have brought another
		if out.Stop != nil {
			m.stopped = out.Stop
			m.up = false
			_ = m.disk.Close()
			return
		}
		m.carryOut(&out)
	}
}

func (m *member) carryOut(out *Output) {
	if m.idle {
		m.tasks = append(m.tasks, out.Tasks...)
		m.blobs = append(m.blobs, out.Blobs...)
	} else {
		m.store(out.Blobs)
		m.work(out.Tasks)
	}
	if out.Identity != nil {
		if m.failed = m.disk.SaveIdentity(*out.Identity); m.failed != nil {
			return
		}
		m.queue = append(m.queue, Event{Kind: EventIdentityStored})
	}
	if len(out.Store) == 0 || m.held {
		return
	}
	if m.failed = errors.Join(m.disk.Write(out.Store), m.disk.Sync()); m.failed != nil {
		return
	}
	for i := range out.Store {
		m.c.wire = append(m.c.wire, out.Store[i].Then...)
	}
	m.queue = append(m.queue, Event{Kind: EventStored, Stored: out.Store[len(out.Store)-1].Seq})
}

// work does tasks as the worker does.
func (m *member) work(tasks []Task) {
	for i := range tasks {
		done := m.disk.Snapshots().Do(&tasks[i], nil)
		if done.Err != nil {
			m.taskErrs = append(m.taskErrs, done.Err)
		}
		m.queue = append(m.queue, Event{Kind: EventTask, Done: &done})
	}
}

// store does operations on the store of blobs as its worker does.
func (m *member) store(ops []blob.Op) {
	for i := range ops {
		done := m.disk.Blobs().Do(ops[i])
		m.queue = append(m.queue, Event{Kind: EventBlob, BlobDone: &done})
	}
}

// deliver empties the wire. Every message is encoded and decoded on the way.
func (c *cluster) deliver() {
	for n := 0; len(c.wire) > 0; n++ {
		require.Less(c.t, n, 100_000, "the cluster never falls silent")
		m := c.wire[0]
		c.wire = c.wire[1:]
		to := c.member(m.To.ID)
		if to == nil || !to.up || c.cut != nil && c.cut(&m) {
			continue
		}
		got, err := raft.DecodeMessage(raft.AppendMessage(nil, &m))
		require.NoError(c.t, err)
		to.step(Event{Kind: EventMessage, Message: &got})
	}
}

// advance lets time pass for everybody, and whatever comes of it happen.
func (c *cluster) advance(d time.Duration) {
	c.deliver()
	for end := c.now.Add(d); c.now < end; {
		c.now = min(end, c.now.Add(10*time.Millisecond))
		for _, m := range c.members {
			if m.up {
				m.step()
			}
		}
		c.deliver()
	}
}

// until advances until something is so.
func (c *cluster) until(what string, so func() bool) {
	c.deliver()
	for range 2000 {
		if so() {
			return
		}
		c.advance(10 * time.Millisecond)
	}
	require.FailNow(c.t, "never came: "+what)
}

func (c *cluster) member(id raft.NodeID) *member {
	if id == 0 || int(id) > len(c.members) {
		return nil
	}
	return c.members[id-1]
}

// leader is the leader of the newest term.
func (c *cluster) leader() *member {
	var l *member
	for _, m := range c.members {
		if m.up && m.node.role == raft.Leader && (l == nil || m.node.term > l.node.term) {
			l = m
		}
	}
	return l
}

// ask steps a member with a request and returns its ticket.
func (m *member) ask(e Event) Ticket {
	m.c.tickets++
	e.Ticket = m.c.tickets
	m.step(e)
	return e.Ticket
}

func (m *member) answer(t Ticket) (Answer, bool) {
	for _, a := range m.answers {
		if a.Ticket == t {
			return a, true
		}
	}
	return Answer{}, false
}

// do asks and waits for the answer.
func (m *member) do(e Event) Answer {
	t := m.ask(e)
	m.c.until("an answer", func() bool { _, ok := m.answer(t); return ok })
	a, _ := m.answer(t)
	return a
}

func (m *member) open(nonce uint64) SessionID {
	a := m.do(Event{Kind: EventOpenSession, Command: Command{Principal: "anonymous", Nonce: nonce}})
	require.Equal(m.c.t, Done, a.Outcome, "%v", a.Code)
	return a.Session
}

func command(s SessionID, seq uint64, body string) Event {
	return Event{Kind: EventCommand, Command: Command{Session: s, Seq: seq, AckedBelow: 1, Body: []byte(body)}}
}

func query() Event { return Event{Kind: EventQuery} }

// agree checks that all members that run applied the same and hash alike.
func (c *cluster) agree() {
	c.until("equal positions", func() bool {
		var at []raft.Index
		for _, m := range c.members {
			if m.up {
				at = append(at, m.node.applied)
			}
		}
		for _, i := range at {
			if i != at[0] {
				return false
			}
		}
		return true
	})
	var first *member
	for _, m := range c.members {
		if !m.up {
			continue
		}
		require.Equal(c.t, m.node.sessions.rehash(), m.node.sessions.hash, "node %d: kept hash of the sessions", m.id)
		require.Equal(c.t, m.node.requests.rehash(), m.node.requests.hash, "node %d: kept hash of the requests", m.id)
		require.Equal(c.t, m.node.pins.rows.rehash(), m.node.pins.rows.hash, "node %d: kept hash of the blobs", m.id)
		if first == nil {
			first = m
			continue
		}
		at1, h1 := first.node.StateHash()
		at2, h2 := m.node.StateHash()
		require.Equal(c.t, at1, at2)
		require.Equal(c.t, h1, h2, "state of nodes %d and %d", first.id, m.id)
	}
}

// isolate cuts a member off.
func (c *cluster) isolate(id raft.NodeID) {
	c.cut = func(m *raft.Message) bool { return m.From.ID == id || m.To.ID == id }
}
