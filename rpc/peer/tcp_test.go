package peer

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/host"
)

// call opens a connection to the transport, as a peer would, and writes pieces.
func call(t *testing.T, tr *Transport, pieces ...[]byte) net.Conn {
	c, err := net.Dial("tcp", tr.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	for _, p := range pieces {
		if _, err := c.Write(p); err != nil {
			break // closed already; the read tells why
		}
	}
	return c
}

func framed(msgs ...raft.Message) (b []byte) {
	for i := range msgs {
		b = raft.AppendFramed(b, &msgs[i])
	}
	return b
}

// lastWord reads what the transport says to the end, and returns its word.
func lastWord(t *testing.T, c net.Conn) *word {
	var b [helloLen]byte
	_, err := io.ReadFull(c, b[:4])
	require.NoError(t, err)
	if string(b[:4]) == helloMagic {
		_, err = io.ReadFull(c, b[4:])
		require.NoError(t, err)
		_, err = io.ReadFull(c, b[:4])
		require.NoError(t, err)
	}
	var w *word
	require.ErrorAs(t, readWord(c, b[:4]), &w)
	_, err = c.Read(b[:])
	require.ErrorIs(t, err, io.EOF, "a word is the last one")
	return w
}

// takesMore shows that node 2 takes a real peer's messages.
func takesMore(t *testing.T, tr *Transport, got inbox) {
	call(t, tr, goodHello(), framed(testMessage(77, 5)))
	got.awaitSeq(77)
}

func TestWhoSpeaksAnotherProtocolOverTCPGetsNothingAndALineInTheLog(t *testing.T) {
	tr, log, got := node2Over(t, WireTCP)
	for i, words := range []string{preface, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x00\x01\x02\x03\xff\xfe"} {
		said, err := io.ReadAll(call(t, tr, []byte(words)))
		_ = err // with unread bytes the kernel may say "reset": closed all the same
		require.Empty(t, said)
		if i == 0 {
			log.await(t, "does not speak the peers' protocol", "gRPC", "address=127.0.0.1")
		}
	}
	takesMore(t, tr, got)
	for len(log) > 0 {
		require.NotContains(t, <-log, "does not speak", "one line for all of them")
	}
}

func TestGarbageOverTCPClosesItsConnectionAndHarmsNothing(t *testing.T) {
	forged := testMessage(1)
	forged.From.ID = 3
	foreign := testMessage(1)
	foreign.Cluster = 0xc2
	flipped, longer := framed(testMessage(1, 100)), framed(testMessage(1, 100))
	flipped[60] ^= 1
	longer[0] ^= 1
	beyond := framed(testMessage(1))
	beyond = append(beyond, rightHead(frameBytesMax+1)...)
	for name, pieces := range map[string][][]byte{
		"a hello with a flip":    {append(bytes.Clone(goodHello()[:20]), append([]byte("X"), goodHello()[21:]...)...)},
		"a flipped bit":          {goodHello(), flipped},
		"a flipped length":       {goodHello(), longer},
		"a length beyond all":    {goodHello(), {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}},
		"beyond the bound":       {goodHello(), beyond},
		"another's name":         {goodHello(), framed(forged)},
		"another cluster's word": {goodHello(), framed(foreign)},
		"bulk among heartbeats":  {goodHello(), framed(testChunk(1, 100))},
		"heartbeats among bulk":  {helloOn(host.LaneBulk), framed(testMessage(1))},
	} {
		t.Run(name, func(t *testing.T) {
			tr, log, got := node2Over(t, WireTCP)
			w := lastWord(t, call(t, tr, pieces...))
			require.Equal(t, wordGarbage, w.reason, w.text)
			log.await(t, "WARN", "sent garbage")
			takesMore(t, tr, got)
		})
	}
}

// rightHead is the head of a frame with a message of n bytes behind it.
func rightHead(n int) []byte {
	empty := testChunk(1, 0)
	m := testChunk(1, n-len(raft.AppendMessage(nil, &empty)))
	return raft.AppendFramed(nil, &m)[:raft.FrameOverhead]
}

// What is at stake: a frame that is cut off by the end of a connection is lost like any other, and not
// anybody's fault.
func TestAFrameThatIsCutShortByTheEndIsNoGarbage(t *testing.T) {
	tr, log, got := node2Over(t, WireTCP)
	c := call(t, tr, goodHello(), framed(testMessage(1, 100))[:50])
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	said, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Len(t, said, helloLen, "nothing behind the hello")
	takesMore(t, tr, got)
	for len(log) > 0 {
		require.NotContains(t, <-log, "WARN")
	}
}

func TestAHelloThatIsRefusedOverTCPIsAnsweredWithTheReason(t *testing.T) {
	tr, log, got := node2Over(t, WireTCP)
	w := lastWord(t, call(t, tr, helloOn(7)))
	require.Equal(t, wordRefused, w.reason)
	require.Contains(t, w.text, "opens lane7, a lane that node 2 does not have")
	log.await(t, "WARN", "refused a peer", "lane7")
	takesMore(t, tr, got)
}

// What is at stake: a peer whose machine died comes back while its old connection still looks alive here.
func TestANewerTCPConnectionReplacesTheOlderOfItsLaneAndNoOther(t *testing.T) {
	tr, log, got := node2Over(t, WireTCP)
	send := func(c net.Conn, m raft.Message) {
		_, err := c.Write(framed(m))
		require.NoError(t, err)
		got.awaitSeq(m.Seq)
	}
	old, bulk := call(t, tr, goodHello()), call(t, tr, helloOn(host.LaneBulk))
	send(old, testMessage(1))
	send(bulk, testChunk(2, 10))

	newer := call(t, tr, goodHello())
	w := lastWord(t, old)
	require.Equal(t, wordReplaced, w.reason)
	require.Contains(t, w.text, "a newer connection")
	log.await(t, "WARN", "two processes run with copies of one directory")
	send(newer, testMessage(3))
	send(bulk, testChunk(4, 10))
	newerBulk := call(t, tr, helloOn(host.LaneBulk))
	require.Equal(t, wordReplaced, lastWord(t, bulk).reason)
	send(newerBulk, testChunk(5, 10))
	send(newer, testMessage(6))
}

// Two nodes that were told different ways must not be a riddle to whoever reads either log.
func TestNodesThatTalkDifferentWaysBothSaySo(t *testing.T) {
	tcp, tcpLog, _ := node2Over(t, WireTCP)
	log := make(lines, 1000)
	one, err := Listen("127.0.0.1:0", Options{Wire: WireGRPC, Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	defer one.Close()
	require.NoError(t, one.Start(host.Local{
		Self: raft.Ident{ID: 1, Inc: 11}, Cluster: 0xc1,
		Peers: []raft.Member{{Ident: raft.Ident{ID: 2}, PeerAddr: tcp.Addr()}},
	}, make(inbox, 10)))
	tcpLog.await(t, "WARN", "speaks gRPC")
	log.await(t, "WARN", "no connection to a peer")

	_, otherLog, _ := node2Over(t, WireTCP, raft.Member{Ident: raft.Ident{ID: 1}, PeerAddr: one.Addr()})
	otherLog.await(t, "WARN", "no connection to a peer", "same way")
	log.await(t, "WARN", "does not speak the peers' protocol")
}

// What is at stake: a socket cuts a stream where it likes.
func TestAnInflowGivesTheSameMessagesHoweverTheStreamIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want [][]byte
		for i := range rapid.IntRange(1, 40).Draw(t, "messages") {
			m := testMessage(uint64(i), rapid.SampledFrom([]int{0, 1, 100, 5000, 70_000, 300_000}).Draw(t, "bytes"))
			if rapid.Bool().Draw(t, "no payload") {
				m = testMessage(uint64(i))
			}
			stream = raft.AppendFramed(stream, &m)
			want = append(want, raft.AppendMessage(nil, &m))
		}
		cuts := rapid.SliceOfN(rapid.IntRange(1, 100_000), 1, 20).Draw(t, "cuts")
		in := inflow{from: &pieces{of: stream, cuts: cuts}}
		var kept []raft.Message
		for {
			msgs, err := in.next()
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			require.NotEmpty(t, msgs)
			kept = append(kept, msgs...)
		}
		require.Len(t, kept, len(want))
		for i := range kept { // only now: what came later has overwritten nothing
			require.Equal(t, want[i], raft.AppendMessage(nil, &kept[i]))
		}
	})
}

// pieces is a reader that gives a stream in pieces.
type pieces struct {
	of   []byte
	cuts []int
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.of) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.of[:min(len(p.of), p.cuts[p.n%len(p.cuts)])])
	p.of, p.n = p.of[n:], p.n+1
	return n, nil
}

// What is at stake: a leader hears heartbeats' answers and acknowledgements for years. They leave nothing behind.
func TestMessagesWithoutPayloadsAreReadIntoOneChunkForGood(t *testing.T) {
	m := testMessage(1)
	m.Kind, m.Entries = raft.MsgAppendReply, nil
	stream := bytes.Repeat(raft.AppendFramed(nil, &m), 10_000)
	in := inflow{from: iotest.OneByteReader(bytes.NewReader(stream[:2000]))}
	_, err := in.next()
	require.NoError(t, err)
	chunk := &in.chunk[0]
	in.from = io.MultiReader(in.from, bytes.NewReader(stream[2000:]))
	for err == nil {
		_, err = in.next()
		require.Same(t, chunk, &in.chunk[0])
	}
	require.ErrorIs(t, err, io.EOF)
}

// A length is a promise of somebody whom nobody knows yet: memory follows the bytes.
func TestALongMessageTakesMemoryAsItComes(t *testing.T) {
	in := inflow{from: bytes.NewReader(append(rightHead(frameBytesMax-raft.FrameOverhead), make([]byte, 1000)...))}
	_, err := in.next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, len(in.chunk), chunkBytesMax)
}

func TestAWordSurvivesItsCodecAndNothingElseDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := word{rapid.Uint16().Draw(t, "reason"), rapid.StringN(0, 300, wordTextMax).Draw(t, "text")}
		b := appendWord(nil, &w)
		var got *word
		require.ErrorAs(t, readWord(bytes.NewReader(b[4:]), b[:4]), &got)
		require.Equal(t, w, *got)
		b[rapid.IntRange(0, len(b)-1).Draw(t, "where")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		require.False(t, errors.As(readWord(bytes.NewReader(b[4:]), b[:4]), &got))
	})
	long := appendWord(nil, &word{1, strings.Repeat("x", 5000)})
	require.Len(t, long, wordHead+wordTextMax+4)
}

// What is at stake: a sender that waits for a slow peer is a loop that leads nobody.
func TestASenderNeverWaitsForAPeerThatDoesNotRead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	one, _, c := senderTo(t, listener, func(c net.Conn) {
		h, err := readHello(c)
		require.NoError(t, err)
		_, err = c.Write(appendHello(nil, hello{version: protocolVersion, lane: h.lane, cluster: h.cluster, from: h.to, to: h.from}))
		require.NoError(t, err)
	})
	for lost := c.count(); c.count() == lost; { // until the queue behind the kernel's buffers is full
		m := testMessage(1, pushBytesMax/2)
		one.Send([]raft.Message{m})
	}
	beat := testMessage(2)
	beat.Kind = raft.MsgHeartbeat
	one.Send([]raft.Message{beat})
}

// senderTo is sender to a peer that a test plays.
func senderTo(t *testing.T, l net.Listener, play func(c net.Conn)) (*Transport, lines, *counter) {
	played := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		play(c)
		played <- c
	}()
	tr, log, c := sender(t, WireTCP, l.Addr().String(), time.Hour)
	conn := <-played
	t.Cleanup(func() { conn.Close() })
	return tr, log, c
}
