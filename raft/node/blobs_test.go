package node

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/vfs/memfs"
)

// filing returns a formed cluster at the newest level, whose files have several chunks.
func filing(t *testing.T, nodes int, more ...func(*Settings)) *cluster {
	c := newCluster(t, nodes)
	c.settings.Blobs = blob.Options{ChunkBytes: 100, ScrubEvery: 50 * time.Millisecond, Grace: 5 * time.Second, RetryMax: time.Second}
	for _, f := range more {
		f(&c.settings)
	}
	c.startAll()
	c.until("the newest level", func() bool {
		return !slices.ContainsFunc(c.members, func(m *member) bool { return m.node.level != LevelMax })
	})
	return c
}

// fileOf is a content.
func fileOf(seed byte, size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i)*7 + byte(i>>8) + seed
	}
	return p
}

// stage uploads a content to a member, short of its commit.
func (m *member) stage(upload uint64, content []byte) {
	at := m.do(Event{Kind: EventUploadBegin, Blob: &BlobRequest{Upload: upload}}).Offset
	for at < int64(len(content)) {
		a := m.do(Event{Kind: EventUploadAppend, Blob: &BlobRequest{Upload: upload, Offset: at, Data: content[at:min(at+150, int64(len(content)))]}})
		require.Equal(m.c.t, Done, a.Outcome, "%v", a.Code)
		at = a.Offset
	}
}

func commit(upload uint64, content []byte, principal string) Event {
	return Event{Kind: EventUploadCommit, Blob: &BlobRequest{Upload: upload, Sum: blob.SumOf(content), Principal: principal}}
}

// upload has a content uploaded and pinned.
func (m *member) upload(upload uint64, content []byte) Answer {
	m.stage(upload, content)
	return m.do(commit(upload, content, "ann"))
}

// file reads all of a content, if the member has it.
func (m *member) file(content []byte) bool {
	a := m.do(Event{Kind: EventReadBlob, Blob: &BlobRequest{Sum: blob.SumOf(content), Bytes: len(content) + 10}})
	if a.Outcome == Done {
		require.Equal(m.c.t, content, a.Reply)
	}
	return a.Outcome == Done
}

func (m *member) holds(content []byte) bool {
	_, ok := m.disk.Blobs().Get(blob.SumOf(content))
	return ok
}

// noBlobs loses what replicators say to and from a member.
func noBlobs(id raft.NodeID) func(*raft.Message) bool {
	return func(m *raft.Message) bool { return m.Kind == raft.MsgBlob && (m.From.ID == id || m.To.ID == id) }
}

func (m *member) noted(kind raft.NoteKind) (n int) {
	for i := range m.notes {
		if m.notes[i].Kind == kind {
			n++
		}
	}
	return n
}

func (m *member) wants(content []byte) bool {
	_, ok := m.node.pins.table.Size(blob.SumOf(content))
	return ok
}

// A file goes to any node, its pin through the leader's log, its content to everybody.
func TestAnUploadAtAnyNodeIsPinnedByTheLogAndComesToAll(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		c := filing(t, nodes)
		for i, m := range c.members {
			content := fileOf(byte(i), 430+i)
			a := m.upload(uint64(i)+1, content)
			require.Equal(t, Done, a.Outcome, "%v", a.Code)
			require.EqualValues(t, len(content), a.Offset)
			e, ok := m.node.raft.EntryAt(raft.Index(a.Position))
			require.True(t, ok)
			pin, err := decodeEnvelope(e.Payload)
			require.NoError(t, err)
			require.Equal(t, blob.SumOf(content), pin.pin.Sum)
			require.Equal(t, "ann", string(pin.principal))
			for _, other := range c.members {
				c.until("the file everywhere", func() bool { return other.wants(content) && other.file(content) })
			}
		}
		c.agree()
		for _, m := range c.members {
			s := m.status()
			require.EqualValues(t, nodes, s.Blobs)
			require.Zero(t, s.BlobsMissing)
			require.Zero(t, s.Uploads)
		}
	}
}

func TestWhatIsWrongWithAnUploadIsSaid(t *testing.T) {
	c := filing(t, 1)
	m, content := c.leader(), fileOf(1, 300)
	ask := func(kind EventKind, r BlobRequest) Answer { return m.do(Event{Kind: kind, Blob: &r}) }
	require.Equal(t, CodeNoUpload, ask(EventUploadAppend, BlobRequest{Upload: 1, Data: content}).Code)
	require.Equal(t, CodeNoUpload, m.do(commit(1, content, "")).Code)
	ask(EventUploadBegin, BlobRequest{Upload: 1})
	a := ask(EventUploadAppend, BlobRequest{Upload: 1, Offset: 7, Data: content})
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeOffset, a.Code)
	require.Zero(t, a.Offset, "where it goes on")
	require.Equal(t, CodeTooLarge, ask(EventUploadAppend, BlobRequest{Upload: 1, Data: make([]byte, 2<<20)}).Code)
	require.Equal(t, Done, ask(EventUploadAppend, BlobRequest{Upload: 1, Data: content}).Outcome)
	require.Equal(t, CodeOtherContent, m.do(commit(1, fileOf(2, 300), "")).Code)
	require.Equal(t, CodeNoUpload, m.do(commit(1, content, "")).Code, "it is given up")
	require.Equal(t, CodeNoBlob, ask(EventReadBlob, BlobRequest{Sum: blob.SumOf(content), Bytes: 1}).Code)
}

// The answer to a commit got lost. Whoever repeats it must learn that the file is safe, and not upload it again.
func TestARepeatedCommitIsPinnedAgain(t *testing.T) {
	c := filing(t, 3)
	m, content := c.other(), fileOf(1, 300)
	first := m.upload(9, content)
	require.Equal(t, Done, first.Outcome)
	again := m.do(commit(9, content, "ann"))
	require.Equal(t, Done, again.Outcome, "%v", again.Code)
	require.Greater(t, again.Position, first.Position)
	require.Equal(t, CodeNoUpload, m.do(commit(8, content, "eve")).Code, "to know a sum is not to have uploaded it")
	c.agree()
}

// A follower's pin may be lost on the way to the leader, and the leader with it.
func TestAPinIsRepeatedUntilItIsApplied(t *testing.T) {
	c := filing(t, 3)
	m, content := c.other(), fileOf(1, 300)
	lost := 0
	c.cut = func(msg *raft.Message) bool {
		if msg.Kind == raft.MsgPin {
			lost++
		}
		return msg.Kind == raft.MsgPin && lost <= 3
	}
	a := m.upload(1, content)
	require.Equal(t, Done, a.Outcome, "%v", a.Code)
	require.Equal(t, 4, lost)

	m.stage(2, fileOf(2, 300))
	ticket := m.ask(commit(2, fileOf(2, 300), "ann"))
	former := c.leader()
	former.crash(nil)
	c.until("a pin by another leader", func() bool { a, ok := m.answer(ticket); return ok && a.Outcome == Done })
	require.NoError(t, former.start())
	c.agree()
}

// The leader may get one pin twice, from a node that waits long.
func TestAPinThatIsOnItsWayIsNotAppendedTwice(t *testing.T) {
	c := filing(t, 3)
	l := c.leader()
	pin := encodePin(77, &blob.Confirmation{Sum: blob.SumOf(nil), Config: l.node.raft.ConfigIndex(), NotAfter: 1 << 60}, "ann")
	last := l.node.raft.LastIndex()
	for range 2 {
		l.step(Event{Kind: EventMessage, Message: &raft.Message{Kind: raft.MsgPin, Cluster: l.node.identity.Cluster,
			From: c.other().node.self, To: l.node.self, Payload: pin}})
	}
	require.Equal(t, last+1, l.node.raft.LastIndex())
	c.agree()
}

// Nobody asked for another node's pin under a ticket of its own.
func TestALeaderThatStopsWithAPinInItsHandsAnswersNobodyForIt(t *testing.T) {
	c := filing(t, 3)
	l := c.leader()
	pin := encodePin(77, &blob.Confirmation{Sum: blob.SumOf(nil), Config: l.node.raft.ConfigIndex(), NotAfter: 1 << 60}, "ann")
	answered := len(l.answers)
	l.step(Event{Kind: EventMessage, Message: &raft.Message{Kind: raft.MsgPin, Cluster: l.node.identity.Cluster,
		From: c.other().node.self, To: l.node.self, Payload: pin}}, Event{Kind: EventDiskFailed, Err: memfs.ErrStopped})
	require.Error(t, l.stopped)
	require.Empty(t, l.answers[answered:])
}

// While a majority of another configuration has it, a pin proves nothing.
func TestAPinWhoseConfirmationHoldsNoLongerIsRefusedByAllAndConfirmedAnew(t *testing.T) {
	c := filing(t, 3)
	m, content := c.other(), fileOf(1, 300)
	// The leader appends a configuration while the pin is under way to it.
	held := raft.Message{}
	c.cut = func(msg *raft.Message) bool {
		if msg.Kind == raft.MsgPin && held.Payload == nil {
			held = *msg
		}
		return msg.Kind == raft.MsgPin
	}
	m.stage(1, content)
	ticket := m.ask(commit(1, content, "ann"))
	c.until("a pin", func() bool { return held.Payload != nil })
	four := c.spare()
	require.Equal(t, Done, c.leader().do(addition(four)).Outcome)
	c.untilVoters(1, 2, 3, 4)
	l := c.leader()
	l.step(Event{Kind: EventMessage, Message: &raft.Message{Kind: raft.MsgPin, Cluster: held.Cluster, From: held.From, To: l.node.self, Payload: held.Payload}})
	c.advance(100 * time.Millisecond)
	for _, m := range c.members {
		require.False(t, m.wants(content), "node %d", m.id)
	}
	_, answered := m.answer(ticket)
	require.False(t, answered)
	c.cut = nil
	c.until("it confirmed by the new configuration", func() bool { a, ok := m.answer(ticket); return ok && a.Outcome == Done })
	c.agree()
}

// Both releases must do the same with a pin at every moment: below the level nothing.
func TestAPinBelowItsLevelChangesNothing(t *testing.T) {
	c := mixed(t, 3, 2)
	l, content := c.leader(), fileOf(1, 300)
	require.Equal(t, CodeNotYet, l.do(Event{Kind: EventUploadBegin, Blob: &BlobRequest{Upload: 1}}).Code)
	// One in the log all the same, as of a leader of the new release.
	l.node.in = append(l.node.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{Ticket: ticketFor(c), Kind: raft.EntryCommand,
		Payload: encodePin(1, &blob.Confirmation{Sum: blob.SumOf(content), Size: 300, Config: l.node.inForce, NotAfter: 1 << 60}, "ann")}})
	l.step()
	c.advance(200 * time.Millisecond)
	c.agree()
	for _, m := range c.members {
		require.False(t, m.wants(content))
	}
}

// Every upload ends: whoever waits for a majority that does not come is told so, and nothing is pinned.
func TestAnUploadWithoutAMajorityIsRefusedAndOneInDoubtIsUnknown(t *testing.T) {
	c := filing(t, 3)
	m, content := c.other(), fileOf(1, 300)
	c.cut = func(msg *raft.Message) bool { return msg.Kind == raft.MsgBlob }
	m.stage(1, content)
	ticket := m.ask(commit(1, content, "ann"))
	c.advance(2*time.Minute + time.Second)
	a, ok := m.answer(ticket)
	require.True(t, ok)
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeNoMajority, a.Code)

	c.cut = func(msg *raft.Message) bool { return msg.Kind == raft.MsgPin }
	c.leader().do(Event{Kind: EventOpenSession}) // nobody wrote for long
	ticket = m.ask(commit(1, content, "ann"))
	c.advance(time.Second)
	m.step(Event{Kind: EventDiskFailed, Err: memfs.ErrStopped})
	a, ok = m.answer(ticket)
	require.True(t, ok)
	require.Equal(t, Unknown, a.Outcome, "its pin has left")
	require.Equal(t, CodeStopping, a.Code)
}

func TestCallersOfTheStoreAreAnsweredOrForgottenWhenTheyLeaveOrTheNodeStops(t *testing.T) {
	c := filing(t, 1)
	m, content := c.leader(), fileOf(1, 300)
	require.Equal(t, Done, m.upload(1, content).Outcome)
	m.idle = true
	gone := m.ask(Event{Kind: EventReadBlob, Blob: &BlobRequest{Sum: blob.SumOf(content), Bytes: 10}})
	m.step(Event{Kind: EventCancel, Ticket: gone})
	read := m.ask(Event{Kind: EventReadBlob, Blob: &BlobRequest{Sum: blob.SumOf(content), Bytes: 10}})
	begin := m.ask(Event{Kind: EventUploadBegin, Blob: &BlobRequest{Upload: 2}})
	m.store(m.blobs[:1])
	m.step()
	m.step(Event{Kind: EventDiskFailed, Err: memfs.ErrStopped})
	_, ok := m.answer(gone)
	require.False(t, ok)
	a, _ := m.answer(read)
	require.Equal(t, Refused, a.Outcome, "a read changes nothing")
	a, _ = m.answer(begin)
	require.Equal(t, Unknown, a.Outcome)
	var out Output
	m.node.Step(c.now, []Event{{Kind: EventReadBlob, Ticket: 9999, Blob: &BlobRequest{}}}, &out)
	require.Equal(t, []Answer{{Ticket: 9999, Outcome: Refused, Code: CodeStopping, Hint: 1}}, out.Done)
}

// The whole point of a learner: it must not count before it could serve what the others may lose.
func TestALearnerIsNotPromotedBeforeItHoldsEveryWantedBlob(t *testing.T) {
	c := filing(t, 3)
	content := fileOf(1, 300)
	require.Equal(t, Done, c.leader().upload(1, content).Outcome)
	four := c.spare()
	c.cut = noBlobs(4)
	require.Equal(t, Done, c.leader().do(addition(four)).Outcome)
	c.advance(5 * time.Second)
	l := c.leader()
	require.Equal(t, l.node.applied, four.node.applied, "its log is caught up")
	require.Equal(t, []raft.NodeID{1, 2, 3}, c.voters())
	require.NotZero(t, l.noted(NotePlaces))
	promote := Event{Kind: EventChange, Change: raft.Change{Kind: raft.ChangePromote, ID: 4}}
	a := l.do(promote)
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodePlaces, a.Code, "nor is it when somebody asks")

	c.cut = nil
	c.untilVoters(1, 2, 3, 4)
	require.True(t, four.holds(content))
}

// A pin stands in the log when the promotion is to be appended behind it, and is applied only later.
func TestAPinInTheLogThatIsNotAppliedYetHoldsAPromotionBack(t *testing.T) {
	c := filing(t, 3)
	content := fileOf(1, 300)
	l := c.leader()
	four := c.spare()
	c.cut = func(m *raft.Message) bool { return m.To.ID == 4 && m.Kind == raft.MsgAppend } // it can't catch up by itself
	require.Equal(t, Done, l.do(addition(four)).Outcome)
	now := l.node.raft.Config()
	next := now.Clone()
	for i := range next.Members {
		next.Members[i].VoterOld, next.Members[i].Voter = next.Members[i].Voter, true
	}
	require.True(t, l.node.mayAdopt(&next), "no blob is wanted")
	c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgAppendReply }
	l.node.in = append(l.node.in, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{Ticket: uint64(ownPin), Kind: raft.EntryCommand,
		Payload: encodePin(1, &blob.Confirmation{Sum: blob.SumOf(content), Size: 300, Config: l.node.raft.ConfigIndex(), NotAfter: 1 << 60}, "ann")}})
	l.step()
	require.Equal(t, []blob.Sum{blob.SumOf(content)}, l.node.pinsUnderWay())
	require.False(t, l.wants(content))
	l.node.out = &Output{}
	require.False(t, l.node.mayAdopt(&next))
}

// Two of three have the file, and one of the two is to go.
func TestARemovalThatLeavesABlobBelowAMajorityIsRefusedUntilOthersHaveIt(t *testing.T) {
	c := filing(t, 3)
	content := fileOf(1, 300)
	l := c.leader()
	var poor, rich raft.NodeID
	for _, m := range c.members {
		switch {
		case m == l:
		case poor == 0:
			poor = m.id
		default:
			rich = m.id
		}
	}
	c.cut = noBlobs(poor)
	require.Equal(t, Done, l.upload(1, content).Outcome)
	c.advance(3 * time.Second) // pages have told who has what
	require.False(t, c.member(poor).holds(content))
	a := l.do(removal(rich))
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodePlaces, a.Code)
	require.Len(t, c.voters(), 3)

	c.cut = nil
	c.advance(5 * time.Second)
	require.True(t, c.member(poor).holds(content))
	require.Equal(t, Done, c.leader().do(removal(rich)).Outcome)
	require.Len(t, c.voters(), 2)
}

// Who does not need the removed one's copies is not held back by them.
func TestARemovalOfANodeWithoutABlobIsNotHeldBack(t *testing.T) {
	c := filing(t, 3)
	content := fileOf(1, 300)
	l := c.leader()
	poor := c.other().id
	c.cut = noBlobs(poor)
	require.Equal(t, Done, l.upload(1, content).Outcome)
	c.advance(3 * time.Second)
	require.Equal(t, Done, l.do(removal(poor)).Outcome)
}

// The last entry is older than any promise lasts. Before anybody promises anything an entry brings log time up to date: a pin
// that is refused. Then the next one holds, and no copy was collected in between.
func TestAnUploadToAClusterThatWasIdleForLongIsPinnedAtOnce(t *testing.T) {
	c := filing(t, 3)
	c.advance(time.Minute)
	m, content := c.other(), fileOf(1, 300)
	last := m.node.applied
	a := m.upload(1, content)
	require.Equal(t, Done, a.Outcome, "%v", a.Code)
	var pins []raft.Index
	for i := last + 1; i <= raft.Index(a.Position); i++ {
		e, _ := m.node.raft.EntryAt(i)
		if confirmation, ok := ConfirmationIn(&e); ok {
			pins = append(pins, i)
			require.Equal(t, i == raft.Index(a.Position), confirmation.NotAfter >= e.Time)
		}
	}
	require.Len(t, pins, 2)
	require.True(t, m.holds(content))
}

// What nothing wants goes when the log has passed its grace, and before it nothing goes.
func TestABlobIsCollectedEverywhereWhenItsPinHasExpired(t *testing.T) {
	c := filing(t, 3, func(s *Settings) { s.Rules.Blobs.PinFor = 20 * time.Second })
	content := fileOf(1, 300)
	require.Equal(t, Done, c.other().upload(1, content).Outcome)
	c.advance(15 * time.Second)
	for _, m := range c.members {
		require.True(t, m.holds(content))
	}
	c.advance(15 * time.Second) // nobody writes: clock entries carry the time
	for _, m := range c.members {
		require.False(t, m.wants(content))
		require.False(t, m.holds(content), "node %d", m.id)
	}
	c.agree()
}

// A node that was away does not know yet what the log made wanted meanwhile.
func TestNothingIsCollectedBeforeTheNodeKnowsWhatWasCommittedWhenItStarted(t *testing.T) {
	c := filing(t, 3)
	content := fileOf(1, 300)
	m := c.other()
	// It has the content, which nothing wants, as far as it has applied the log.
	c.isolate(m.id)
	m.stage(1, content)
	ticket := m.ask(commit(1, content, "ann"))
	m.step(Event{Kind: EventCancel, Ticket: ticket})
	require.True(t, m.holds(content))
	require.Equal(t, Done, c.leader().upload(2, content).Outcome)
	m.crash(nil)
	require.NoError(t, m.start())
	c.advance(time.Minute)
	require.True(t, m.holds(content))
	require.Zero(t, m.noted(NoteCaughtUp))
	require.NotNil(t, c.leader())
	c.cut = nil
	c.until("all of it applied", func() bool { return m.wants(content) })
	require.True(t, m.holds(content), "and it need not be fetched")
}

// The other way round: a node whose state has all of it collects what nothing wants, also with reads at the
// leader alone.
func TestAfterARestartWhatNothingWantsIsCollectedOnceTheNodeHasCaughtUp(t *testing.T) {
	for _, leaderReads := range []bool{false, true} {
		c := filing(t, 3, func(s *Settings) { s.LeaderReadsOnly = leaderReads })
		m, content := c.other(), fileOf(1, 300)
		m.stage(1, content)
		ticket := m.ask(commit(1, content, "ann"))
		m.step(Event{Kind: EventCancel, Ticket: ticket})
		m.crash(nil)
		require.NoError(t, m.start())
		require.True(t, m.holds(content))
		s := c.leader().open(1)
		for i := range 12 {
			c.advance(time.Second)
			require.Equal(t, Done, c.leader().do(command(s, uint64(i+1), "x")).Outcome)
		}
		require.NotZero(t, m.noted(NoteCaughtUp))
		require.False(t, m.holds(content))
	}
}

// A damaged copy is found, told, and repaired from the others, while files are read elsewhere.
func TestACopyThatRotsIsRepairedFromTheOthers(t *testing.T) {
	c := filing(t, 3)
	content := fileOf(1, 1000)
	require.Equal(t, Done, c.leader().upload(1, content).Outcome)
	m := c.other()
	c.until("a copy of its own", func() bool { return m.holds(content) })
	name := fmt.Sprintf("data/blobs/%v.blob", blob.SumOf(content))
	require.NoError(t, m.fs.FlipBit(name, 8*500))
	c.until("the damage", func() bool {
		for i := range m.notes {
			if m.notes[i].Kind == NoteBlob && blob.NoteKind(m.notes[i].B&0xff) == blob.NoteLost {
				return true
			}
		}
		return false
	})
	c.until("the repair", func() bool { return m.holds(content) })
	require.True(t, m.file(content))
}

// The state machine names what is pinned, and then no deadline counts.
func TestABlobThatTheStateMachineNamesOutlivesItsPinUntilItIsUnnamed(t *testing.T) {
	c := filing(t, 3, func(s *Settings) { s.Rules.Blobs.PinFor = 10 * time.Second })
	content, other := fileOf(1, 300), fileOf(2, 300)
	sum := blob.SumOf(content)
	seq, s := uint64(0), c.leader().open(1)
	say := func(line string) string {
		seq++
		a := c.leader().do(command(s, seq, line))
		require.Equal(t, Done, a.Outcome, "%v", a.Code)
		return string(a.Reply)
	}
	require.Equal(t, blob.CodeUnknown.String(), say("name "+sum.String()+" ann"))
	require.Equal(t, Done, c.leader().upload(1, content).Outcome)
	require.Equal(t, Done, c.other().upload(2, other).Outcome)
	require.Equal(t, blob.CodeNotPinned.String(), say("name "+sum.String()+" eve"))
	require.Equal(t, blob.CodeNone.String(), say("name "+sum.String()+" ann"))
	c.advance(30 * time.Second)
	for _, m := range c.members {
		require.True(t, m.wants(content) && m.holds(content))
		require.False(t, m.wants(other) || m.holds(other))
	}
	require.Equal(t, blob.CodeNone.String(), say("unname "+sum.String()))
	for range 12 {
		c.advance(time.Second)
		say("x")
	}
	for _, m := range c.members {
		require.False(t, m.wants(content) || m.holds(content))
	}
	c.agree()
}

// A follower that was away gets the state by snapshot, and with it what is wanted.
func TestPinsComeWithASnapshotAndTheBlobsBehindIt(t *testing.T) {
	c := filing(t, 3, func(s *Settings) { s.Rules.SnapshotBytes = 900 })
	m, content := c.other(), fileOf(1, 300)
	m.crash(nil)
	require.Equal(t, Done, c.leader().upload(1, content).Outcome)
	s := c.leader().open(1)
	c.write(s, 1, 60)
	require.NoError(t, m.start())
	c.until("an install", func() bool { return m.noted(raft.NoteInstall) > 0 })
	c.until("the file", func() bool { return m.wants(content) && m.holds(content) })
	c.agree()
	m.crash(memfs.DropAll)
	require.NoError(t, m.start())
	require.True(t, m.wants(content), "from its own snapshot")
	require.True(t, m.holds(content))
	c.agree()
}

// The survivor's blobs go with it into the new cluster, where nobody else could give them back.
func TestASurvivorTakesItsBlobsIntoTheNewCluster(t *testing.T) {
	c := filing(t, 3)
	content, rotten := fileOf(1, 530), fileOf(2, 530)
	require.Equal(t, Done, c.leader().upload(1, content).Outcome)
	require.Equal(t, Done, c.leader().upload(2, rotten).Outcome)
	m := c.other()
	c.until("both files", func() bool { return m.holds(content) && m.holds(rotten) })
	for _, m := range c.members {
		m.crash(memfs.DropAll)
	}
	name := fmt.Sprintf("data/blobs/%v", blob.SumOf(rotten))
	if m.fs.FlipBit(name+".blob", 8*300) != nil {
		require.NoError(t, m.fs.FlipBit(name+".new", 8*300)) // the last rename was not durable, and need not be
	}
	report := m.recover()
	require.Equal(t, 2, report.Blobs)
	require.Zero(t, report.MissingBlobs, "as far as both ends tell")
	require.NoError(t, m.start())
	require.True(t, m.wants(content) && m.wants(rotten))
	require.True(t, m.holds(content))
	require.False(t, m.holds(rotten))
	c.until("the survivor leads", func() bool { return c.leader() == m })
	require.True(t, m.file(content))
}

// A clone must not ask the original about what it is to append.
func TestACloneWithUploadsUnderWayIsItsOwn(t *testing.T) {
	c := filing(t, 3)
	m, content := c.leader(), fileOf(1, 300)
	c.cut = func(msg *raft.Message) bool { return msg.Kind == raft.MsgBlob }
	m.stage(1, content)
	m.ask(commit(1, content, "ann"))
	clone := m.node.Clone()
	before := m.node.AppendState(nil)
	require.Equal(t, before, clone.AppendState(nil))
	var out Output
	out.Reset()
	clone.Step(c.now.Add(3*time.Minute), nil, &out)
	require.NotEmpty(t, out.Done)
	require.Equal(t, before, m.node.AppendState(nil))
	require.NotEqual(t, before, clone.AppendState(nil))
}

// The rows stand in snapshots, which outlive releases.
func TestPinsInAStateAreTheseBytes(t *testing.T) {
	n := newStateNode(Rules{})
	n.level = 2
	c := blob.Confirmation{Sum: blob.Sum{0: 0xaa}, Size: 5, NotAfter: 100}
	n.entry(1, raft.EntryCommand, encodePin(1, &c, "ann"))
	b := written(t, n.Freeze())
	section := b[1+9+clockSectionBytes:]
	require.Equal(t, byte(sectionBlobs), section[0])
	u := func(v uint64) string { return string(binary.LittleEndian.AppendUint64(nil, v)) }
	u4 := func(v int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(v))) }
	row := func(key, value string) string { return u4(len(key)) + key + u4(len(value)) + value }
	sum := string(c.Sum[:])
	day := uint64(24*time.Hour) + 1
	want := u4(5) +
		row("b"+sum, u(5)+u(0)+u(1)) +
		row("d"+string(binary.BigEndian.AppendUint64(nil, day))+sum+"ann", "\x01") +
		row("n", u(1)) +
		row("p"+sum+"ann", u(day)) +
		row("qann", u(1))
	require.Equal(t, u(uint64(len(want)))+want, string(section[1:9+len(want)]))
	require.Equal(t, byte(sectionMachine), section[9+len(want)])
	back := restored(t, b, Rules{})
	require.Equal(t, b, written(t, back.Freeze()))
}

func TestRowsOfBlobsThatApplyWouldNotWriteAreRefused(t *testing.T) {
	n := newStateNode(Rules{})
	n.level = 2
	c := blob.Confirmation{Sum: blob.Sum{0: 0xaa}, Size: 5, NotAfter: 100}
	n.entry(1, raft.EntryCommand, encodePin(1, &c, "ann"))
	good := written(t, n.Freeze())
	at := 1 + 9 + clockSectionBytes + 9
	for name, spoil := range map[string]func(b []byte){
		"a count too high":    func(b []byte) { b[at+4+4+33+4+16]++ },
		"a row out of order":  func(b []byte) { b[at+4+4] = 'z' },
		"a level without it":  func(b []byte) { b[1+9+16] = 1 },
		"fewer rows than are": func(b []byte) { b[at]-- },
		"an empty value":      func(b []byte) { b[at+4+4+33] = 0 },
	} {
		b := bytes.Clone(good)
		spoil(b)
		_, err := ReadState(bytes.NewReader(b), &toy{}, Rules{})
		require.ErrorIs(t, err, ErrState, name)
	}
}
