package blob

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// rig is one replicator over a real store, whose disk answers at once, and whose peers are
// the test.
type rig struct {
	t     *testing.T
	fs    *memfs.FS
	store *Store
	rep   *Replicator
	now   raft.Mono
	out   Output // of the last call, all Steps of it
	hold  bool   // the disk does not answer
	ops   []Op
	pulls []Message // not answered yet
	seen  raft.LogTime
}

func who(id int) raft.Ident { return raft.Ident{ID: raft.NodeID(id), Inc: raft.Incarnation(id) * 11} }

// voters is a configuration of nodes; a negative id is a learner.
func voters(ids ...int) *raft.Configuration {
	c := &raft.Configuration{}
	for _, id := range ids {
		c.Members = append(c.Members, raft.Member{Ident: who(max(id, -id)), Voter: id > 0})
	}
	return c
}

// newRig makes node 1.
func newRig(t *testing.T, c *raft.Configuration) *rig {
	r := &rig{t: t, fs: memfs.New(1)}
	r.start(c)
	return r
}

func (r *rig) start(c *raft.Configuration, wants ...Want) {
	s, found, err := Open(r.fs, dir, worldOptions)
	require.NoError(r.t, err)
	r.store, r.ops = s, nil
	r.rep = New(Config{Self: who(1), Run: 5, Options: worldOptions, Found: found}, r.now)
	r.step(Input{Kind: InputMembers, Config: c, Index: 3}, Input{Kind: InputReset, Position: 1, Time: r.seen, Wants: wants})
}

func (r *rig) step(in ...Input) {
	r.out.Reset()
	for {
		before, sends := len(r.out.Disk), len(r.out.Send)
		r.rep.Step(r.now, in, &r.out)
		r.ops = append(r.ops, r.out.Disk[before:]...)
		for _, m := range r.out.Send[sends:] {
			if m.Kind == MsgPull {
				r.pulls = append(r.pulls, m)
			}
		}
		in = nil
		if r.hold {
			return
		}
		for _, op := range r.ops {
			d := r.store.Do(op)
			in = append(in, Input{Kind: InputDone, Done: &d})
		}
		if r.ops = nil; in == nil {
			return
		}
	}
}

func (r *rig) after(d time.Duration, in ...Input) { r.now = r.now.Add(d); r.step(in...) }

func (r *rig) deliver(from int, m Message) {
	m.From, m.To = who(from), who(1)
	if m.Position == 0 {
		m.Position = 1000
	}
	r.step(Input{Kind: InputMessage, Message: &m})
}

// upload puts content into the store, as clients do.
func (r *rig) upload(p []byte) Sum {
	h, err := put(r.store, 1, p)
	require.NoError(r.t, err)
	r.step(Input{Kind: InputDone, Done: &Done{Op: Op{Kind: OpUploadCommit, Upload: 1}, Held: h}})
	return h.Sum
}

func (r *rig) want(sum Sum, size int, at raft.Position) {
	r.step(Input{Kind: InputWant, Want: Want{sum, int64(size)}, Position: at, Time: r.seen})
}

func (r *rig) confirm(sum Sum) {
	r.step(Input{Kind: InputConfirm, Ticket: 77, Want: Want{Sum: sum}})
}

// applied lets log time pass.
func (r *rig) applied(at raft.Position, d time.Duration) {
	r.seen = r.seen.Add(d)
	r.step(Input{Kind: InputApplied, Position: at, Time: r.seen})
}

// sent returns the messages of a kind to a node.
func (r *rig) sent(kind MessageKind, to int) []Message {
	var list []Message
	for _, m := range r.out.Send {
		if m.Kind == kind && m.To.ID == raft.NodeID(to) {
			list = append(list, m)
		}
	}
	return list
}

func (r *rig) offer(to int) Message {
	r.t.Helper()
	list := r.sent(MsgOffer, to)
	require.Len(r.t, list, 1)
	return list[0]
}

func (r *rig) ack(from int, o Message) {
	r.deliver(from, Message{Kind: MsgAck, Nonce: o.Nonce, Sum: o.Sum, Promise: r.seen.Add(worldOptions.Grace)})
}

// give answers every pull that waits with what source makes of it.
func (r *rig) give(p []byte, source func(m Message, chunk []byte) Message) {
	pulls := r.pulls
	r.pulls = nil
	for _, m := range pulls {
		chunk := p[m.Offset : m.Offset+int64(m.Bytes)]
		r.deliver(int(m.To.ID), source(m, chunk))
	}
}

func honest(m Message, chunk []byte) Message {
	return Message{Kind: MsgChunk, Nonce: m.Nonce, Sum: m.Sum, Offset: m.Offset, Data: chunk}
}

func TestAnUploadOnASingleNodeIsConfirmedAtOnce(t *testing.T) {
	r := newRig(t, voters(1))
	sum := r.upload(content(1, 100))
	r.confirm(sum)
	require.Equal(t, []Confirmation{{77, sum, 100, 3, r.seen.Add(worldOptions.Grace)}}, r.out.Confirmed)
	require.Empty(t, r.out.Send)
}

func TestAMajorityOfVotersConfirmsAnUpload(t *testing.T) {
	r := newRig(t, voters(1, 2, 3, -4))
	sum := r.upload(content(1, 100))
	r.confirm(sum)
	require.Empty(t, r.out.Confirmed, "its own copy is one of three")
	o := r.offer(2)
	require.Equal(t, int64(100), o.Size)
	require.Empty(t, r.sent(MsgOffer, 4), "learners don't count and aren't asked")
	r.ack(4, o)
	require.Empty(t, r.out.Confirmed, "a learner counts for nothing")
	r.ack(2, o)
	require.Len(t, r.out.Confirmed, 1)
}

// What a clock reckons dies with its process: the next one knows what was committed and no more, and would collect what
// its predecessor promised to keep for longer.
func TestNobodyPromisesByWhatItsClockReckons(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 100)
	sum := r.upload(p)
	r.seen = 1000
	r.applied(2, 0)
	r.deliver(2, Message{Kind: MsgOffer, Nonce: 8, Sum: sum, Size: 100, Time: 1000})
	require.Equal(t, raft.LogTime(1000).Add(worldOptions.Grace), r.sent(MsgAck, 2)[0].Promise)
	r.step(Input{Kind: InputClock, Time: raft.LogTime(1000).Add(time.Hour)})
	r.deliver(2, Message{Kind: MsgOffer, Nonce: 9, Sum: sum, Size: 100, Time: 1000})
	require.Equal(t, raft.LogTime(1000).Add(worldOptions.Grace), r.sent(MsgAck, 2)[0].Promise)
}

// When nobody has written for long, what is promised from the last entry on is past before the pin is appended. So
// an entry is asked for first; until it comes nobody promises, and the own copy stays.
func TestAConfirmationBeginsWithAnEntryThatSaysWhatTimeItIs(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	r.step(Input{Kind: InputCaughtUp})
	p := content(1, 100)
	sum := r.upload(p)
	r.step(Input{Kind: InputClock, Time: r.seen.Add(time.Hour)}, Input{Kind: InputConfirm, Ticket: 77, Want: Want{Sum: sum}})
	require.True(t, r.out.Outdated)
	require.Empty(t, r.sent(MsgOffer, 2))
	r.after(offerEvery / 2)
	require.False(t, r.out.Outdated, "it is asked for now and then")
	r.after(offerEvery)
	require.True(t, r.out.Outdated)
	r.applied(2, time.Hour)
	require.False(t, r.out.Outdated)
	read(t, r.store, p)
	r.ack(2, r.offer(2))
	require.Len(t, r.out.Confirmed, 1)
	require.GreaterOrEqual(t, r.out.Confirmed[0].NotAfter, r.seen)
}

// A directory that was lost has lost what it stored. What it acknowledged must not be
// counted for the one in its place.
func TestAnOldIncarnationsAcknowledgementCountsForNothing(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	sum := r.upload(content(1, 100))
	r.confirm(sum)
	o := r.offer(2)
	old := Message{From: raft.Ident{ID: 2, Inc: 9}, To: who(1), Kind: MsgAck, Nonce: o.Nonce, Sum: sum, Promise: 1 << 40}
	r.step(Input{Kind: InputMessage, Message: &old})
	require.Empty(t, r.out.Confirmed)

	// The other way round: acknowledged, and then replaced.
	r = newRig(t, voters(1, 2, 3, 4, 5))
	sum = r.upload(content(1, 100))
	r.confirm(sum)
	o = r.offer(2)
	r.ack(2, o)
	next := voters(1, 2, 3, 4, 5)
	next.Members[1].Inc = 99
	r.step(Input{Kind: InputMembers, Config: next, Index: 4})
	r.ack(3, o)
	require.Empty(t, r.out.Confirmed, "two of five")
	r.ack(4, o)
	require.Len(t, r.out.Confirmed, 1)
	require.EqualValues(t, 4, r.out.Confirmed[0].Config)
}

func TestAJointConfigurationConfirmsWithBothMajorities(t *testing.T) {
	c := voters(1, 2, 3, 4, 5)
	for i := range c.Members {
		c.Members[i].VoterOld = i < 3
		c.Members[i].Voter = i == 0 || i > 2
	}
	r := newRig(t, c)
	sum := r.upload(content(1, 100))
	r.confirm(sum)
	o := r.offer(4)
	r.ack(4, o)
	require.Empty(t, r.out.Confirmed, "the outgoing half lacks one")
	r.ack(3, o)
	require.Len(t, r.out.Confirmed, 1)
}

func TestAnAcknowledgementOfAnEarlierRequestCountsForNothing(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	sum := r.upload(content(1, 100))
	r.confirm(sum)
	o := r.offer(2)
	r.after(confirmPatience)
	require.Equal(t, []Failure{{77, sum, FailedNoMajority}}, r.out.Failed)
	r.confirm(sum)
	r.ack(2, o)
	require.Empty(t, r.out.Confirmed)
	require.NotEqual(t, o.Nonce, r.rep.confirms[0].nonce)
}

// Somebody who acknowledged may find its copy damaged before the majority is complete.
func TestAnAcknowledgementIsTakenBackByAskingForTheBlob(t *testing.T) {
	r := newRig(t, voters(1, 2, 3, 4, 5))
	sum := r.upload(content(1, 100))
	r.confirm(sum)
	o := r.offer(2)
	r.ack(2, o)
	r.deliver(2, Message{Kind: MsgAsk, Sums: []Sum{sum}})
	require.Equal(t, []Sum{sum}, r.sent(MsgAnswer, 2)[0].Sums)
	r.ack(3, o)
	require.Empty(t, r.out.Confirmed)
	r.ack(2, o)
	require.Len(t, r.out.Confirmed, 1)
}

// Between acknowledgement and pin a blob is wanted by nobody. A promise that is about to end is
// asked for again, so that the pin has time.
func TestAPromiseThatEndsSoonIsAskedForAgain(t *testing.T) {
	r := newRig(t, voters(1, 2, 3, 4, 5))
	sum := r.upload(content(1, 100))
	r.confirm(sum)
	o := r.offer(2)
	r.ack(2, o)
	r.applied(2, worldOptions.Grace/2+1)
	again := r.offer(2)
	require.NotEqual(t, o.Nonce, again.Nonce)
	r.ack(3, o)
	r.ack(2, again)
	r.ack(3, again)
	require.Len(t, r.out.Confirmed, 1)
	require.Equal(t, r.seen.Add(worldOptions.Grace), r.out.Confirmed[0].NotAfter)
}

func TestAConfirmationFailsWhenTheCopyIsLost(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 100)
	r.confirm(SumOf(p))
	require.Equal(t, []Failure{{77, SumOf(p), FailedNotHeld}}, r.out.Failed)
	sum := r.upload(p)
	r.confirm(sum)
	require.NoError(t, r.fs.FlipBit(dir+"/"+fileName(sum, suffixBlob), 500))
	r.after(time.Second) // the scrub
	require.Equal(t, []Failure{{77, sum, FailedNotHeld}}, r.out.Failed)
}

// A node acknowledges what is durable here, and then keeps it although nothing wants it, until the
// log has passed what it said.
func TestWhatIsPromisedIsNotCollectedBeforeTheLogPassesIt(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	r.step(Input{Kind: InputCaughtUp})
	p := content(1, 150)
	sum := SumOf(p)
	r.deliver(2, Message{Kind: MsgOffer, Nonce: 8, Sum: sum, Size: 150, Time: 1000})
	require.Empty(t, r.sent(MsgAck, 2), "nothing is here yet")
	for r.store.held == nil {
		r.give(p[:], func(m Message, chunk []byte) Message {
			require.Empty(t, r.sent(MsgAck, 2))
			return honest(m, chunk)
		})
	}
	acks := r.sent(MsgAck, 2)
	require.Len(t, acks, 1)
	require.Equal(t, raft.LogTime(1000).Add(worldOptions.Grace), acks[0].Promise, "it counts from the latest log time heard of")
	require.EqualValues(t, 8, acks[0].Nonce)

	r.seen = acks[0].Promise
	r.applied(2, 0)
	read(t, r.store, p)
	due, ok := r.rep.DueLogTime()
	require.True(t, ok)
	require.Equal(t, r.seen+1, due)
	r.applied(3, 1)
	_, err := r.store.Read(sum, 0, 1)
	require.ErrorIs(t, err, ErrMissing)
	require.Empty(t, r.rep.blobs, "nothing is remembered of it")
}

// The process before promised what this one does not know.
func TestARestartedNodeCollectsNothingBeforeItHasCaughtUp(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 100)
	r.upload(p)
	r.fs.CrashProcess()
	r.start(voters(1, 2, 3))
	r.applied(2, 100*worldOptions.Grace)
	read(t, r.store, p)
	r.step(Input{Kind: InputCaughtUp})
	r.applied(3, worldOptions.Grace)
	read(t, r.store, p)
	r.applied(4, 1)
	require.Empty(t, r.store.List())
}

func TestWhatIsWantedIsNeverCollected(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	r.step(Input{Kind: InputCaughtUp})
	p := content(1, 100)
	sum := r.upload(p)
	r.want(sum, 100, 2)
	r.applied(3, 100*worldOptions.Grace)
	read(t, r.store, p)
	r.step(Input{Kind: InputUnwant, Want: Want{Sum: sum}, Position: 4, Time: r.seen})
	r.applied(4, worldOptions.Grace)
	read(t, r.store, p)
	r.hold = true
	r.applied(5, 1)
	require.Equal(t, OpRemove, r.out.Disk[0].Kind)
	r.deliver(2, Message{Kind: MsgOffer, Nonce: 8, Sum: sum, Size: 100})
	require.Empty(t, r.sent(MsgAck, 2), "a copy that is about to go is not acknowledged")
	r.confirm(sum)
	require.Len(t, r.out.Failed, 1)
	// While the removal is under way the content is uploaded anew: that copy stays.
	h, err := put(r.store, 2, p)
	require.NoError(t, err)
	r.step(Input{Kind: InputDone, Done: &Done{Op: Op{Kind: OpUploadCommit, Upload: 2}, Held: h}})
	r.hold = false
	r.confirm(sum)
	require.Empty(t, r.out.Failed)
	read(t, r.store, p)
	require.True(t, r.rep.find(sum).steady())
}

func TestChunksComeFromAnotherPeerWhenOneIsSilent(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 300)
	sum := SumOf(p)
	r.want(sum, 300, 2)
	require.Equal(t, []Sum{sum}, r.sent(MsgAsk, 2)[0].Sums)
	require.Equal(t, []Sum{sum}, r.sent(MsgAsk, 3)[0].Sums)
	r.deliver(2, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	require.Len(t, r.sent(MsgPull, 2), worldOptions.WindowChunks)
	r.deliver(3, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	require.Empty(t, r.sent(MsgPull, 3))
	r.after(patience - 1)
	require.Empty(t, r.sent(MsgPull, 3))
	r.after(1)
	require.Len(t, r.sent(MsgPull, 3), worldOptions.WindowChunks)
	for range 10 {
		r.give(p, honest)
	}
	read(t, r.store, p)
	require.Len(t, r.rep.Holders(sum), 3)
}

func TestABusyPeerIsAskedAgainAndALostOneIsNot(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 100)
	sum := SumOf(p)
	r.want(sum, 100, 2)
	r.deliver(2, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	for _, m := range r.sent(MsgPull, 2) {
		r.deliver(2, Message{Kind: MsgNack, Nonce: m.Nonce, Sum: sum, Offset: m.Offset, Busy: true})
	}
	require.Empty(t, r.sent(MsgPull, 2))
	r.after(busyPause)
	require.Len(t, r.sent(MsgPull, 2), 2)
	r.deliver(3, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	r.step(Input{Kind: InputPeerLost, Peer: 2})
	require.Len(t, r.sent(MsgPull, 3), 2)
	require.Len(t, r.rep.Holders(sum), 2)
	m := r.sent(MsgPull, 3)[0]
	r.deliver(3, Message{Kind: MsgNack, Nonce: m.Nonce, Sum: sum, Offset: m.Offset})
	require.Equal(t, []raft.Ident{who(2)}, r.rep.Holders(sum), "who can't give a chunk does not have the blob")
}

// A removal that fails is tried again, but not at once and for ever.
func TestARemovalThatTheDiskRefusesIsTriedAgainLater(t *testing.T) {
	r := newRig(t, voters(1))
	r.step(Input{Kind: InputCaughtUp})
	r.upload(content(1, 100))
	r.fs.SetHook(func(op memfs.Op) error {
		if op.Kind == memfs.OpRemove {
			return vfs.ErrIO
		}
		return nil
	})
	r.applied(2, worldOptions.Grace+1)
	read(t, r.store, content(1, 100))
	r.fs.SetHook(nil)
	r.applied(3, worldOptions.Grace)
	read(t, r.store, content(1, 100))
	r.applied(4, 1)
	require.Empty(t, r.store.List())
}

// Bytes that are wrong although every checksum on the way was right come from a peer with a fault
// of its own. The next attempt has a single source, so that one good peer is enough.
func TestAPeerThatSendsWrongBytesIsFoundOutAndAnotherIsAsked(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 300)
	sum := SumOf(p)
	r.want(sum, 300, 2)
	r.deliver(2, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	liar := func(m Message, chunk []byte) Message {
		if m.To.ID == 2 {
			chunk = content(9, len(chunk))
		}
		return honest(m, chunk)
	}
	wrong := false
	for range 20 {
		r.give(p, liar)
		for _, n := range r.out.Notes {
			if n.Kind == NoteWrong {
				wrong = true
				require.EqualValues(t, 2, n.Peer)
			}
		}
	}
	require.True(t, wrong)
	require.Empty(t, r.store.List())
	r.pulls = nil
	r.deliver(3, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	r.deliver(2, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	for range 20 {
		for _, m := range r.pulls {
			require.EqualValues(t, 3, m.To.ID, "the liar is not asked again")
		}
		r.give(p, liar)
	}
	read(t, r.store, p)
}

func TestAFetchGoesOnAfterARestartWithoutAskingForWhatIsThere(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 300)
	sum := SumOf(p)
	r.want(sum, 300, 2)
	r.deliver(2, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	r.give(p, honest)
	r.fs.CrashProcess()
	r.start(voters(1, 2, 3), Want{sum, 300})
	for range 10 {
		r.deliver(3, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
		r.give(p, func(m Message, chunk []byte) Message {
			require.Greater(t, m.Offset, int64(2*64))
			return honest(m, chunk)
		})
	}
	read(t, r.store, p)
}

func TestAFullDiskPausesAFetch(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 300)
	sum := SumOf(p)
	r.fs.SetCapacity(100)
	r.want(sum, 300, 2)
	r.deliver(2, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	r.give(p, honest)
	require.Empty(t, r.rep.fetches)
	r.pulls = nil
	r.deliver(3, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	require.Empty(t, r.out.Disk, "somebody has to make room first")
	names, err := r.fs.List(dir)
	require.NoError(t, err)
	require.Empty(t, names)
	r.fs.SetCapacity(0)
	r.after(diskPause)
	for range 10 {
		r.give(p, honest)
	}
	read(t, r.store, p)
}

// What is read for peers is memory; who asks for more comes back.
func TestServingPeersIsBounded(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 300)
	sum := r.upload(p)
	r.hold = true
	r.rep.serving = r.rep.o.ServeBytesMax - 64
	r.deliver(2, Message{Kind: MsgPull, Nonce: 4, Sum: sum, Offset: 64, Bytes: 64})
	r.deliver(3, Message{Kind: MsgPull, Nonce: 5, Sum: sum, Offset: 0, Bytes: 64})
	require.True(t, r.sent(MsgNack, 3)[0].Busy)
	r.hold = false
	r.step()
	require.Equal(t, p[64:128], r.sent(MsgChunk, 2)[0].Data)
	require.EqualValues(t, 4, r.sent(MsgChunk, 2)[0].Nonce)
	r.deliver(3, Message{Kind: MsgPull, Nonce: 6, Sum: Sum{1}, Offset: 0, Bytes: 64})
	require.False(t, r.sent(MsgNack, 3)[0].Busy)
}

// A chunk that rotted is never served: the puller looks elsewhere, the others learn of the damage, and
// the repair begins.
func TestDamageFoundWhileServingIsToldAndRepaired(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	p := content(1, 300)
	sum := r.upload(p)
	r.want(sum, 300, 2)
	l := layout{chunk: 64}
	require.NoError(t, r.fs.FlipBit(dir+"/"+fileName(sum, suffixBlob), l.place(1)*8))
	r.deliver(2, Message{Kind: MsgPull, Nonce: 4, Sum: sum, Offset: 64, Bytes: 64})
	require.Empty(t, r.sent(MsgChunk, 2))
	require.Len(t, r.sent(MsgNack, 2), 1)
	require.Equal(t, []Sum{sum}, r.sent(MsgAsk, 2)[0].Sums)
	require.Empty(t, r.rep.Holders(sum))
	r.deliver(2, Message{Kind: MsgPull, Nonce: 5, Sum: sum, Offset: 128, Bytes: 64})
	require.Equal(t, p[128:192], r.sent(MsgChunk, 2)[0].Data, "good chunks help others to repair theirs")
	r.deliver(3, Message{Kind: MsgAnswer, Sums: []Sum{sum}})
	require.Len(t, r.sent(MsgPull, 3), 1, "only the bad chunk is fetched")
	r.give(p, honest)
	read(t, r.store, p)
}

// What is not read is not gone. Where nobody else has it, it is all that there is.
func TestABlobThatWasNotReadForAMomentIsFoundAgainWhereNobodyElseHasIt(t *testing.T) {
	r := newRig(t, voters(1, 2))
	p := content(1, 300)
	sum := r.upload(p)
	r.want(sum, 300, 2)
	r.fs.SetHook(func(op memfs.Op) error {
		if op.Kind == memfs.OpRead {
			return vfs.ErrIO
		}
		return nil
	})
	d := r.store.Do(Op{Kind: OpClientRead, Sum: sum, Bytes: 10})
	require.Equal(t, FaultDamaged, d.Fault)
	r.step(Input{Kind: InputDone, Done: &d})
	for range 3 {
		r.after(r.rep.o.DiskPause + 2*r.rep.o.RetryMax)
		require.Empty(t, r.rep.Holders(sum))
		require.NotEmpty(t, r.sent(MsgAsk, 2), "perhaps somebody has it by now")
	}
	r.fs.SetHook(nil)
	r.after(r.rep.o.DiskPause + 2*r.rep.o.RetryMax)
	require.Equal(t, []raft.Ident{who(1)}, r.rep.Holders(sum))
	read(t, r.store, p)
}

// Three copies, each damaged in another chunk: there is no whole copy left, and yet nothing is lost.
func TestCopiesDamagedInDifferentChunksRepairOneAnother(t *testing.T) {
	w := newWorld(3, 3)
	w.healed = true
	require.NoError(t, w.run(time.Second))
	sum := SumOf(content(6, 240))
	for _, pinned := w.table.Size(sum); !pinned; _, pinned = w.table.Size(sum) {
		w.nodes[0].upload(6)
		require.NoError(t, w.run(20*time.Second))
	}
	require.Equal(t, CodeNone, w.append(wentry{kind: entryName, sum: sum, principal: "p"}))
	require.NoError(t, w.run(5*time.Second))
	for i, n := range w.nodes {
		require.True(t, n.intact(sum))
		l := layout{chunk: 64}
		n.harmed[sum], n.durable = true, nil
		require.NoError(t, n.fs.FlipBit(dir+"/"+fileName(sum, suffixBlob), (l.place(int64(i))+5)*8))
	}
	require.NoError(t, w.run(2*time.Minute))
	require.NoError(t, w.final())
}

// A leader decides about the membership on what members are known to hold.
func TestPromotionAndRemovalAreJudgedByWhatMembersHold(t *testing.T) {
	r := newRig(t, voters(1, 2, 3, -4))
	sum := r.upload(content(1, 100))
	require.True(t, r.rep.MayPromote(4).OK, "nothing is wanted")
	r.want(sum, 100, 5)
	v := r.rep.MayPromote(4)
	require.Equal(t, Verdict{Missing: 1, First: sum}, v)
	require.Equal(t, "1 files are not yet stored where they must be (one is "+sum.Short()+")", v.String())
	r.deliver(4, Message{Kind: MsgHold, Sums: []Sum{sum}, Position: 4})
	require.False(t, r.rep.MayPromote(4).OK, "it had not applied that the blob is wanted: it may yet collect it")
	r.deliver(4, Message{Kind: MsgHold, Sums: []Sum{sum}, Position: 5})
	require.True(t, r.rep.MayPromote(4).OK)
	require.False(t, r.rep.MayPromote(4, Sum{9}).OK, "a pin that is appended and not applied counts, too")

	require.False(t, r.rep.MayRemove(3).OK, "1 alone is no majority of two")
	r.deliver(2, Message{Kind: MsgHold, Sums: []Sum{sum}})
	require.True(t, r.rep.MayRemove(3).OK)
	require.False(t, r.rep.MayRemove(2).OK)
	require.Equal(t, []raft.Ident{who(1), who(2), who(4)}, r.rep.Holders(sum))

	next := voters(1, 2, 3, -4)
	next.Members[1].Inc++
	r.step(Input{Kind: InputMembers, Config: next, Index: 9})
	require.False(t, r.rep.MayRemove(3).OK, "another directory holds nothing yet")
}

// Words get lost. The pages find what they left wrong, either way.
func TestAPageIsTheTruthAboutItsRange(t *testing.T) {
	r := newRig(t, voters(1, 2))
	var sums []Sum
	for i := range 4 {
		sums = append(sums, Sum{byte(10 * (i + 1))})
		r.want(sums[i], 100, raft.Position(i+2))
	}
	r.after(listEvery)
	list := r.sent(MsgList, 2)
	require.Len(t, list, 1)
	require.Equal(t, Sum{}, list[0].FromSum)
	holds := func() (n []bool) {
		for _, s := range sums {
			n = append(n, len(r.rep.Holders(s)) == 1)
		}
		return n
	}
	page := Message{Kind: MsgPage, Nonce: list[0].Nonce, ToSum: sums[2], Sums: []Sum{sums[0], sums[2]}}
	stale := page
	stale.Nonce++
	r.deliver(2, stale)
	require.Equal(t, []bool{false, false, false, false}, holds())
	r.deliver(2, page)
	require.Equal(t, []bool{true, false, true, false}, holds())
	r.after(listEvery)
	list = r.sent(MsgList, 2)
	require.Equal(t, sums[2].next(), list[0].FromSum)
	r.deliver(2, Message{Kind: MsgPage, Nonce: list[0].Nonce, FromSum: list[0].FromSum, ToSum: lastSum, Sums: []Sum{sums[3]}})
	require.Equal(t, []bool{true, false, true, true}, holds())
	r.after(listEvery)
	list = r.sent(MsgList, 2)
	require.Equal(t, Sum{}, list[0].FromSum, "round and round")
	r.deliver(2, Message{Kind: MsgPage, Nonce: list[0].Nonce, ToSum: lastSum, Sums: []Sum{sums[1]}, Position: 4})
	require.Equal(t, []bool{false, true, false, true}, holds(), "about the last, position 4 knows nothing")
}

func TestAPageListsWhatIsWantedAndHere(t *testing.T) {
	r := newRig(t, voters(1, 2))
	here := r.upload(content(1, 10))
	idle := r.upload(content(2, 10))
	r.want(here, 10, 2)
	r.want(Sum{200}, 10, 3)
	r.applied(3, 0)
	r.deliver(2, Message{Kind: MsgList, Nonce: 6})
	page := r.sent(MsgPage, 2)[0]
	require.Equal(t, []Sum{here}, page.Sums, "neither what is missing nor what nothing wants: %v", idle)
	require.Equal(t, lastSum, page.ToSum)
	require.EqualValues(t, 3, page.Position)
	require.EqualValues(t, 6, page.Nonce)
}

func TestAnInventoryOfManyPagesIsComplete(t *testing.T) {
	r := newRig(t, voters(1, 2))
	var wants []Want
	for i := range 2500 {
		wants = append(wants, Want{Sum{byte(i >> 8), byte(i)}, 100})
	}
	r.hold = true // there are no files behind these
	r.start(voters(1, 2), wants...)
	for _, x := range wants {
		r.step(Input{Kind: InputDone, Done: &Done{Op: Op{Kind: OpUploadCommit}, Held: Held{x.Sum, 100, 1}}})
	}
	from, got := Sum{}, 0
	for range 3 {
		r.deliver(2, Message{Kind: MsgList, Nonce: 6, FromSum: from})
		page := r.sent(MsgPage, 2)[0]
		got += len(page.Sums)
		from = page.ToSum.next()
	}
	require.Equal(t, 2500, got)
	require.Equal(t, Sum{}, from)
}

func TestAnUploadThatNobodyContinuesIsAbandoned(t *testing.T) {
	r := newRig(t, voters(1))
	_, err := r.store.BeginUpload(4)
	require.NoError(t, err)
	r.step(Input{Kind: InputDone, Done: &Done{Op: Op{Kind: OpUploadBegin, Upload: 4}}})
	r.after(uploadIdleMax/2, Input{Kind: InputDone, Done: &Done{Op: Op{Kind: OpUploadAppend, Upload: 4}}})
	r.after(uploadIdleMax - 1)
	require.Empty(t, r.out.Disk)
	require.Equal(t, r.now+1, r.out.WakeAt)
	r.after(1)
	names, err := r.fs.List(dir)
	require.NoError(t, err)
	require.Empty(t, names)
}

// Offers come from clients of other nodes: they must not fill this one.
func TestOffersAreBoundedAndForgotten(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	r.step(Input{Kind: InputCaughtUp})
	for i := range 10 {
		r.deliver(2, Message{Kind: MsgOffer, Nonce: 1, Sum: Sum{byte(i + 1)}, Size: 100})
	}
	require.Len(t, r.rep.offered, worldOptions.OffersMax)
	r.deliver(2, Message{Kind: MsgOffer, Nonce: 1, Sum: Sum{99}, Size: worldOptions.BlobBytesMax + 1})
	require.Nil(t, r.rep.find(Sum{99}))
	r.after(offerPatience)
	require.Empty(t, r.rep.offered)
	r.applied(2, worldOptions.Grace+1)
	r.applied(3, worldOptions.Grace+1)
	require.Empty(t, r.rep.blobs)
	names, err := r.fs.List(dir)
	require.NoError(t, err)
	require.Empty(t, names)
}

// Who acknowledged keeps the blob for a pin in time. A pin that comes later stands on somebody else's
// word, and the blob may have been collected in between.
func TestAnAcknowledgementMakesAHolderOnlyOfAPinInTime(t *testing.T) {
	for _, late := range []raft.LogTime{0, 1} {
		r := newRig(t, voters(1, 2, 3))
		sum := r.upload(content(1, 100))
		r.confirm(sum)
		r.ack(2, r.offer(2))
		notAfter := r.out.Confirmed[0].NotAfter
		r.step(Input{Kind: InputWant, Want: Want{sum, 100}, Position: 9, Time: notAfter + late})
		want := []raft.Ident{who(1), who(2)}
		require.Equal(t, want[:2-late], r.rep.Holders(sum))
		r.step(Input{Kind: InputUnwant, Want: Want{Sum: sum}, Position: 10, Time: notAfter + late})
		require.Empty(t, r.rep.Holders(sum))
	}
}

// A snapshot says what is wanted at its end, and nothing of what happened before.
func TestASnapshotResetsWhatIsWantedAndWhoIsBelieved(t *testing.T) {
	r := newRig(t, voters(1, 2, 3))
	r.step(Input{Kind: InputCaughtUp})
	kept, dropped := r.upload(content(1, 100)), r.upload(content(2, 100))
	r.want(kept, 100, 5)
	r.want(dropped, 100, 6)
	r.deliver(2, Message{Kind: MsgHold, Sums: []Sum{kept}})
	require.Len(t, r.rep.Holders(kept), 2)
	news := Want{Sum{9}, 50}
	wants := []Want{{kept, 100}, news}
	if news.Sum.Compare(kept) < 0 {
		wants[0], wants[1] = wants[1], wants[0]
	}
	r.step(Input{Kind: InputReset, Wants: wants, Position: 50, Time: r.seen})
	require.Equal(t, []raft.Ident{who(1)}, r.rep.Holders(kept), "in between it may have been unwanted, and collected by others")
	require.Equal(t, 1, r.rep.Missing())
	require.Equal(t, []Sum{news.Sum}, r.sent(MsgAsk, 3)[0].Sums)
	r.deliver(2, Message{Kind: MsgHold, Sums: []Sum{kept}, Position: 49})
	require.Len(t, r.rep.Holders(kept), 1)
	r.applied(51, worldOptions.Grace+1)
	require.Len(t, r.store.List(), 1, "what the snapshot does not want is collected")
}
