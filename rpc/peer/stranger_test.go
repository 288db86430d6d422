package peer

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"parley/raft"
	"parley/raft/host"
)

// lines is a log that tests wait for.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default: // nobody reads any more
	}
	return len(p), nil
}

// await reads until a line has all the words. The test's own deadline ends a wait in
// vain.
func (l lines) await(t *testing.T, words ...string) {
	t.Helper()
	for line := range l {
		missing := false
		for _, w := range words {
			missing = missing || !strings.Contains(line, w)
		}
		if !missing {
			return
		}
	}
}

// inbox is a receiver that hands on what it gets.
type inbox chan raft.Message

func (i inbox) Deliver(msgs []raft.Message) {
	for _, m := range msgs {
		i <- m
	}
}

func (i inbox) PeerLost(raft.NodeID) {}

// node2 starts a transport over gRPC as node 2 of cluster c1.
func node2(t *testing.T, peers ...raft.Member) (*Transport, lines, inbox) {
	return node2Over(t, WireGRPC, peers...)
}

func node2Over(t *testing.T, w Wire, peers ...raft.Member) (*Transport, lines, inbox) {
	log, got := make(lines, 1000), make(inbox, 1000)
	tr, err := Listen("127.0.0.1:0", Options{Wire: w, Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	require.NoError(t, tr.Start(host.Local{Self: raft.Ident{ID: 2, Inc: 22}, Cluster: 0xc1, Peers: peers}, got))
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr, log, got
}

// overEach runs a test over each wire.
func overEach(t *testing.T, test func(t *testing.T, w Wire)) {
	for _, w := range []Wire{WireTCP, WireGRPC} {
		t.Run(w.String(), func(t *testing.T) { test(t, w) })
	}
}

// speak opens a stream to the transport, as a peer would, and sends frames.
func speak(t *testing.T, tr *Transport, frames ...[]byte) grpc.ClientStream {
	conn, err := grpc.NewClient("passthrough:///"+tr.Addr(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(passCodec{}), grpc.MaxCallSendMsgSize(2*frameBytesMax)))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	stream, err := conn.NewStream(context.Background(), &serviceDesc.Streams[0], streamName)
	require.NoError(t, err)
	for _, f := range frames {
		if err := stream.SendMsg(outgoing{&f}); err != nil {
			require.ErrorIs(t, err, io.EOF) // closed already; RecvMsg tells why
		}
	}
	return stream
}

// refusedWith reads the stream to its end.
func refusedWith(t *testing.T, stream grpc.ClientStream) *status.Status {
	for {
		var f incoming
		if err := stream.RecvMsg(&f); err != nil {
			s, _ := status.FromError(err)
			return s
		}
	}
}

// helloOn is the hello of node 1 on a lane to node 2.
func helloOn(lane host.Lane) []byte {
	return appendHello(nil, hello{
		version: 3, lane: lane, cluster: 0xc1, from: raft.Ident{ID: 1, Inc: 11}, to: raft.Ident{ID: 2, Inc: 22},
	})
}

func goodHello() []byte { return helloOn(host.LaneProtocol) }

// stillWorks shows that node 2 takes a real peer's messages.
func stillWorks(t *testing.T, tr *Transport, got inbox) {
	frame, _ := appendFrame(nil, []raft.Message{testMessage(77, 5)})
	speak(t, tr, goodHello(), frame)
	for m := range got {
		if m.Seq == 77 {
			return
		}
	}
}

func TestAStrangerThatSpeaksAnotherProtocolGetsNothingAndALineInTheLog(t *testing.T) {
	tr, log, got := node2(t)
	for _, words := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x00\x01\x02\x03\xff\xfe", "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n"} {
		c, err := net.Dial("tcp", tr.Addr())
		require.NoError(t, err)
		_, err = c.Write([]byte(words))
		require.NoError(t, err)
		_, err = io.ReadAll(c) // until the other end closes
		_ = err                // with unread bytes the kernel may say "reset": closed all the same
		require.NoError(t, c.Close())
	}
	log.await(t, "does not speak the peers' protocol", "address=127.0.0.1")
	stillWorks(t, tr, got)
	for len(log) > 0 {
		require.NotContains(t, <-log, "does not speak", "one line for all of them")
	}
}

func TestGarbageClosesItsStreamAndHarmsNothing(t *testing.T) {
	forged := testMessage(1)
	forged.From.ID = 3
	foreign := testMessage(1)
	foreign.Cluster = 0xc2
	frame := func(m raft.Message) []byte {
		f, _ := appendFrame(nil, []raft.Message{m})
		return f
	}
	flipped, longer := frame(testMessage(1, 100)), frame(testMessage(1, 100))
	flipped[60] ^= 1
	longer[0] ^= 1
	for name, frames := range map[string][][]byte{
		"no hello":               {[]byte("hello")},
		"a hello with a flip":    {append([]byte("X"), goodHello()[1:]...)},
		"a frame cut short":      {goodHello(), frame(testMessage(1, 100))[:50]},
		"a flipped bit":          {goodHello(), flipped},
		"a flipped length":       {goodHello(), longer},
		"a length beyond all":    {goodHello(), {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}},
		"another's name":         {goodHello(), frame(forged)},
		"another cluster's word": {goodHello(), frame(foreign)},
		"bulk among heartbeats":  {goodHello(), frame(testChunk(1, 100))},
		"heartbeats among bulk":  {helloOn(host.LaneBulk), frame(testMessage(1))},
	} {
		t.Run(name, func(t *testing.T) {
			tr, log, got := node2(t)
			s := refusedWith(t, speak(t, tr, frames...))
			require.Equal(t, codes.InvalidArgument, s.Code(), s.Message())
			log.await(t, "WARN", "sent garbage")
			stillWorks(t, tr, got)
		})
	}
}

func TestAFrameBeyondTheBoundIsNotRead(t *testing.T) {
	tr, log, got := node2(t)
	s := refusedWith(t, speak(t, tr, goodHello(), make([]byte, frameBytesMax+1)))
	require.Equal(t, codes.ResourceExhausted, s.Code())
	log.await(t, "sent garbage", "larger than max")
	stillWorks(t, tr, got)
}

func TestAClientAtThePeersPortIsToldSo(t *testing.T) {
	tr, log, got := node2(t)
	conn, err := grpc.NewClient("passthrough:///"+tr.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true}, "/parley.v1.Chat/Send",
		grpc.ForceCodecV2(passCodec{}))
	require.NoError(t, err)
	s := refusedWith(t, stream)
	require.Equal(t, codes.Unimplemented, s.Code())
	require.Contains(t, s.Message(), "clients have another one")
	log.await(t, "method=/parley.v1.Chat/Send")
	stillWorks(t, tr, got)
}

// What is at stake: two clusters whose addresses were mixed up must not merge, and the
// operator of either must read why.
func TestPeersOfTwoClustersRefuseEachOtherWithOneLineEach(t *testing.T) {
	overEach(t, func(t *testing.T, w Wire) {
		a, aLog, _ := node2Over(t, w)
		bLog := make(lines, 1000)
		b, err := Listen("127.0.0.1:0", Options{Wire: w, Logger: slog.New(slog.NewTextHandler(bLog, nil))})
		require.NoError(t, err)
		require.NoError(t, b.Start(host.Local{
			Self: raft.Ident{ID: 1, Inc: 11}, Cluster: 0xc2,
			Peers: []raft.Member{{Ident: raft.Ident{ID: 2}, PeerAddr: a.Addr()}},
		}, make(inbox, 10)))
		defer b.Close()
		aLog.await(t, "refused a peer", "cluster 00000000000000c2", "check the peer addresses")
		bLog.await(t, "no connection to a peer", "cluster 00000000000000c2", "check the peer addresses")
	})
}

func TestAWrongNodeAtAnAddressIsNamed(t *testing.T) {
	overEach(t, func(t *testing.T, w Wire) {
		a, aLog, _ := node2Over(t, w)
		bLog := make(lines, 1000)
		b, err := Listen("127.0.0.1:0", Options{Wire: w, Logger: slog.New(slog.NewTextHandler(bLog, nil))})
		require.NoError(t, err)
		require.NoError(t, b.Start(host.Local{
			Self: raft.Ident{ID: 1, Inc: 11}, Cluster: 0xc1,
			Peers: []raft.Member{{Ident: raft.Ident{ID: 3}, PeerAddr: a.Addr()}},
		}, make(inbox, 10)))
		defer b.Close()
		aLog.await(t, "refused a peer", "this is node 2")
		bLog.await(t, "peer=3", "this is node 2")
	})
}

func TestAPortInUseIsSaidAtOnce(t *testing.T) {
	tr, _, _ := node2(t)
	_, err := Listen(tr.Addr(), Options{Wire: WireGRPC})
	require.ErrorContains(t, err, tr.Addr())
	require.ErrorContains(t, err, "in use")
}

func TestATransportThatNeverStartedFreesItsPort(t *testing.T) {
	tr, err := Listen("127.0.0.1:0", Options{Wire: WireGRPC})
	require.NoError(t, err)
	addr := tr.Addr()
	require.NoError(t, tr.Close())
	tr, err = Listen(addr, Options{Wire: WireGRPC})
	require.NoError(t, err)
	require.NoError(t, tr.Close())
}

// A mistyped address must not be silence.
func TestAPeerThatCannotBeReachedIsSaid(t *testing.T) {
	overEach(t, func(t *testing.T, w Wire) {
		_, log, _ := node2Over(t, w, raft.Member{Ident: raft.Ident{ID: 7}, PeerAddr: "127.0.0.1:1"})
		log.await(t, "no connection to a peer", "peer=7", "127.0.0.1:1", "is the address right", "refused")
	})
}
