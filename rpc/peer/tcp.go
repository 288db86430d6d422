package peer

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"sync"
	"time"
)

// tcpWire carries messages over TCP, or TLS, with nothing in between. On a connection, from the node that dialled
//
//	hello (hello.go), message, message, …      each as raft.AppendFramed writes it
//
// and from the other
//
//	hello                                       and nothing more, or
//	word                                        why not, or why no more
//
// A word ends a conversation:
//
//	0  "PRNO"            4 bytes
//	4  reason            2    1 refused, 2 garbage, 3 replaced
//	6  length of text    2    at most 1,024
//	8  text                   for whoever reads the other end's log
//	…  CRC-32C of all before, 4
type tcpWire struct {
	t     *Transport
	lobby lobby
}

func newTCPWire(t *Transport) *tcpWire { return &tcpWire{t: t} }

// acceptPause is how long nobody is accepted after an accept that failed, for want of files most likely.
const acceptPause = 100 * time.Millisecond

// serve takes connections until the listener is closed.
func (w *tcpWire) serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			w.t.garbage.warn(w.t.log, "a peer could not be let in", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		leave := w.lobby.enter(c)
		w.t.run.Go(func() {
			defer leave()
			w.answer(c, leave)
		})
	}
}

func (w *tcpWire) stop() { _ = w.t.listener.Close() } // it may be closed already

// answer is the life of a connection that a peer opened.
func (w *tcpWire) answer(c net.Conn, greeted func()) {
	watch(c)
	if s := w.t.opts.Security; s != nil {
		c = tls.Server(c, forTCP(s.Accept()))
	}
	defer closeWith(w.t.ctx, c)()
	ctx, cancel := context.WithCancel(w.t.ctx)
	defer cancel()
	replaced, failed := make(chan struct{}), make(chan error, 1)
	var reader sync.WaitGroup
	defer reader.Wait()
	reader.Go(func() { failed <- w.receive(ctx, c, greeted, replaced) })
	select {
	case err := <-failed:
		if w.t.ctx.Err() == nil && w.part(c, err) {
			drain(c)
		}
	case <-replaced:
		told := w.part(c, errReplaced)
		cancel()                               // if it still waits for its turn
		_ = c.SetReadDeadline(time.Unix(1, 0)) // and if it reads
		if <-failed; told {
			drain(c)
		}
	}
}

// receive answers the hello and hands over what comes behind it. It calls greeted when it knows who is there.
func (w *tcpWire) receive(ctx context.Context, c net.Conn, greeted func(), replaced chan struct{}) error {
	t := w.t
	_ = c.SetDeadline(time.Now().Add(helloTimeout)) // without one this goroutine ends with the transport
	state, err := handshake(ctx, c)
	if err != nil {
		return err
	}
	h, err := readHello(c)
	if err != nil {
		return err
	}
	local := t.localNow()
	if err := t.fits(state, h, &local); err != nil {
		return refusal{err}
	}
	if err := h.judge(&local); err != nil {
		return refusal{err}
	}
	greeted()
	defer t.streams.Add(-1)
	if t.streams.Add(1) > streamsMax {
		return refusal{errFull}
	}
	if _, err := c.Write(appendHello(nil, greet(&local, h.from, h.lane))); err != nil {
		return err
	}
	_ = c.SetDeadline(time.Time{})
	t.nudge(h.from.ID)
	leave, ok := t.turns.take(ctx, caller{h.from, h.lane}, replaced)
	defer leave()
	if !ok {
		return ctx.Err()
	}
	in := inflow{from: c}
	for {
		msgs, err := in.next()
		if err == nil {
			err = ctx.Err() // it was replaced
		}
		if err != nil {
			return err
		}
		if err := t.allow(h, msgs); err != nil {
			return garbage{fmt.Errorf("node %v: %w", h.from, err)}
		}
		t.deliver(msgs)
	}
}

// handshake has a connection with TLS shake hands, and returns what that showed.
func handshake(ctx context.Context, c net.Conn) (*tls.ConnectionState, error) {
	s, ok := c.(*tls.Conn)
	if !ok {
		return nil, nil
	}
	if err := s.HandshakeContext(ctx); err != nil {
		return nil, cmp.Or(judged(err), err)
	}
	state := s.ConnectionState()
	return &state, nil
}

// forTCP makes a configuration one for this wire alone: who speaks gRPC does not get past the handshake.
func forTCP(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.NextProtos = []string{"parley-peer"}
	return c
}

// errFull is what a peer hears that opens more than a peer does.
var errFull = errors.New("too many connections of peers are open")

// errStranger is what somebody gets who does not begin with a hello.
var errStranger = errors.New("this does not speak the peers' protocol")

// readHello reads the first thing that a peer says.
func readHello(c net.Conn) (*hello, error) {
	var b [helloLen]byte
	if _, err := io.ReadFull(c, b[:len(helloMagic)]); err != nil {
		return nil, err
	}
	switch string(b[:len(helloMagic)]) {
	case helloMagic:
	case preface[:len(helloMagic)]:
		return nil, stranger{fmt.Errorf("%w: it speaks gRPC, as clients do, and nodes that were told to", errStranger)}
	default:
		return nil, stranger{errStranger}
	}
	if _, err := io.ReadFull(c, b[len(helloMagic):]); err != nil {
		return nil, err
	}
	h, err := decodeHello(b[:])
	if err != nil {
		return nil, garbage{err}
	}
	return &h, nil
}

// stranger is somebody who is no peer, and unknown is somebody whose certificate is not believed. Neither is told anything
// but what TLS tells.
type (
	stranger struct{ error }
	unknown  struct{ error }
)

// closeWith closes a connection when a context ends, or else when what it returns is called. Nothing runs after that.
func closeWith(ctx context.Context, c net.Conn) (done func()) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.Close() // whoever uses it finds out
		close(closed)
	})
	return func() {
		if !stop() {
			<-closed
		}
		_ = c.Close()
	}
}

// part tells the log and the peer why the conversation ends, if it is this node that ends it, and whether the peer was
// told. A connection that broke is logged by the end that dialled it.
func (w *tcpWire) part(c net.Conn, err error) bool {
	reason := w.t.logParting(c.RemoteAddr().String(), err)
	if reason == 0 {
		return false
	}
	_ = c.SetWriteDeadline(time.Now().Add(partingMax)) // without one the kernel's patience is the bound
	if _, err := c.Write(appendWord(nil, &word{reason, err.Error()})); err != nil {
		return false
	}
	half, ok := c.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// drain reads what the peer sent before it heard that it is left: the kernel throws away what it was told if there
// is anything unread when the connection is closed.
func drain(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(partingMax))
	_, _ = io.CopyN(io.Discard, c, frameBytesMax) // its end is the peer's, or the deadline's
}

// partingMax is how long a peer has to hear why it is left.
const partingMax = time.Second

// word is why a conversation ended, in the other end's words.
type word struct {
	reason uint16
	text   string
}

// The reasons.
const (
	wordRefused  uint16 = 1
	wordGarbage  uint16 = 2
	wordReplaced uint16 = 3
)

const (
	wordMagic   = "PRNO"
	wordHead    = 8
	wordTextMax = 1 << 10
)

func (w *word) Error() string { return w.text }

func appendWord(dst []byte, w *word) []byte {
	at := len(dst)
	text := w.text[:min(len(w.text), wordTextMax)]
	dst = append(dst, wordMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, w.reason)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(text)))
	dst = append(dst, text...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], castagnoli))
}

// readWord reads a word of which the first four bytes were read. It returns the word, or why there is none.
func readWord(from io.Reader, begin []byte) error {
	if string(begin) != wordMagic {
		return errHello
	}
	b := append(make([]byte, 0, wordHead+wordTextMax+4), begin...)
	b = b[:wordHead]
	if _, err := io.ReadFull(from, b[len(begin):]); err != nil {
		return err
	}
	n := int(binary.LittleEndian.Uint16(b[6:]))
	if n > wordTextMax {
		return errHello
	}
	b = b[:wordHead+n+4]
	if _, err := io.ReadFull(from, b[wordHead:]); err != nil {
		return err
	}
	end := len(b) - 4
	if binary.LittleEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return errHello
	}
	return &word{binary.LittleEndian.Uint16(b[4:]), string(b[wordHead:end])}
}

// watch has the kernel notice when the other end is gone for good.
func watch(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		// Where an option is not known, the connection lasts longer than it need; that is all.
		_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: probeAfter, Interval: probeTimeout, Count: 1})
		_ = giveUpAfter(t, probeAfter+probeTimeout)
	}
}

var _ wire = (*tcpWire)(nil)
