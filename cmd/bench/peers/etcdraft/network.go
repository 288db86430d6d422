package etcdraft

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

const (
	redialAfter = 20 * time.Millisecond
	// frameBytesMax bounds what a peer can make this node allocate.
	frameBytesMax = 64 << 20
	// queueMax bounds the messages that wait for a peer; raft's own bound of MsgApps under way is below it, so
	// that only a peer that does not answer loses any.
	queueMax   = 4096
	socketSize = 256 << 10
)

// network is a node's connections: it dials every peer, and accepts whoever dials. A frame is a length of 4 bytes
// and a message.
type network struct {
	listener net.Listener
	peers    map[uint64]*peer
	node     *Node
	workers  sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
	closed   bool
}

// peer is the way to one other node.
type peer struct {
	id   uint64
	addr string
	wake chan struct{}
	mu   sync.Mutex
	wait []pb.Message
}

func listen() (*network, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &network{listener: l, peers: map[uint64]*peer{}, conns: map[net.Conn]bool{}}, nil
}

func (t *network) addr() string { return t.listener.Addr().String() }

// run begins to accept and to dial.
func (t *network) run(addrs map[uint64]string, n *Node) {
	t.node = n
	t.workers.Go(t.accept)
	for id, addr := range addrs {
		if id == n.id {
			continue
		}
		p := &peer{id: id, addr: addr, wake: make(chan struct{}, 1)}
		t.peers[id] = p
		t.workers.Go(func() { t.feed(p) })
	}
}

// send queues messages for peers; those to this node's own threads are not for here.
func (t *network) send(messages []pb.Message) {
	for _, m := range messages {
		if isLocal(m.To) {
			continue
		}
		p := t.peers[m.To]
		if p == nil {
			continue
		}
		p.mu.Lock()
		if len(p.wait) < queueMax {
			p.wait = append(p.wait, m)
		}
		p.mu.Unlock()
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// feed keeps a connection to a peer, and writes all that waits in one go.
func (t *network) feed(p *peer) {
	for {
		c, err := net.DialTimeout("tcp", p.addr, time.Second)
		if err == nil && t.keep(c) {
			err = t.write(p, c)
			t.drop(c)
		}
		if err != nil {
			t.node.in.report(func(r *raft.RawNode) { r.ReportUnreachable(p.id) })
		}
		select {
		case <-t.node.stop:
			return
		case <-time.After(redialAfter):
		}
	}
}

func (t *network) write(p *peer, c net.Conn) error {
	var buf []byte
	var take []pb.Message
	for {
		select {
		case <-p.wake:
		case <-t.node.stop:
			return nil
		}
		p.mu.Lock()
		take, p.wait = p.wait, take[:0]
		p.mu.Unlock()
		var err error
		if buf, err = appendFrames(buf[:0], take); err != nil {
			return err
		}
		_, err = c.Write(buf)
		t.sent(take, err)
		clear(take)
		if err != nil {
			return err
		}
	}
}

func appendFrames(buf []byte, messages []pb.Message) ([]byte, error) {
	for i := range messages {
		size := messages[i].Size()
		buf = binary.LittleEndian.AppendUint32(buf, uint32(size))
		at := len(buf)
		buf = slices.Grow(buf, size)[:at+size]
		if _, err := messages[i].MarshalToSizedBuffer(buf[at:]); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// sent tells raft what became of snapshots, for which it waits.
func (t *network) sent(messages []pb.Message, err error) {
	for _, m := range messages {
		if m.Type != pb.MsgSnap {
			continue
		}
		to, status := m.To, raft.SnapshotFinish
		if err != nil {
			status = raft.SnapshotFailure
		}
		t.node.in.report(func(r *raft.RawNode) { r.ReportSnapshot(to, status) })
	}
}

func (t *network) accept() {
	for {
		c, err := t.listener.Accept()
		if err != nil {
			return // it was closed
		}
		if t.keep(c) {
			t.workers.Go(func() {
				_ = t.read(c) // the peer dials again, and raft sends again
				t.drop(c)
			})
		}
	}
}

// read delivers what a peer sends: whatever one read of the socket brought goes to the loop together.
func (t *network) read(c net.Conn) error {
	r := bufio.NewReaderSize(c, socketSize)
	var batch []pb.Message
	var head [4]byte
	var body []byte // protobuf copies what it keeps
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return err
		}
		n := int(binary.LittleEndian.Uint32(head[:]))
		if n > frameBytesMax {
			return fmt.Errorf("etcdraft: a frame of %d bytes", n)
		}
		if cap(body) < n {
			body = make([]byte, n)
		}
		if _, err := io.ReadFull(r, body[:n]); err != nil {
			return err
		}
		var m pb.Message
		if err := m.Unmarshal(body[:n]); err != nil {
			return err
		}
		batch = append(batch, m)
		if r.Buffered() < len(head) {
			t.node.in.deliver(batch...)
			clear(batch)
			batch = batch[:0]
		}
	}
}

// keep remembers a connection, to be closed with the rest.
func (t *network) keep(c net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		_ = c.Close()
		return false
	}
	t.conns[c] = true
	return true
}

func (t *network) drop(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
	_ = c.Close()
}

// close ends all connections and waits for those who use them.
func (t *network) close() {
	t.mu.Lock()
	t.closed = true
	_ = t.listener.Close()
	for c := range t.conns {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.workers.Wait()
}
