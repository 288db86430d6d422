package blob

// onPull reads a chunk for a peer, of a blob or of what there is of one.
func (r *Replicator) onPull(m *Message, _ uint64) {
	b := r.find(m.Sum)
	switch {
	case b == nil || !b.steady() && !b.part || m.Bytes <= 0:
		r.send(m.From, Message{Kind: MsgNack, Nonce: m.Nonce, Sum: m.Sum, Offset: m.Offset})
	case r.serving+m.Bytes > r.o.ServeBytesMax:
		r.send(m.From, Message{Kind: MsgNack, Nonce: m.Nonce, Sum: m.Sum, Offset: m.Offset, Busy: true})
	default:
		r.serving += m.Bytes
		r.out.Disk = append(r.out.Disk, Op{
			Kind: OpRead, Ticket: m.Nonce, Sum: m.Sum, Offset: m.Offset, Bytes: m.Bytes, Peer: m.From,
		})
	}
}

// onRead sends what was read. A chunk that is not what was written never leaves the store.
func (r *Replicator) onRead(d *Done) {
	op := &d.Op
	r.serving -= op.Bytes
	if d.Fault == FaultDamaged {
		r.onDamage(d)
	}
	if r.bitOf(op.Peer)&r.peers == 0 {
		return
	}
	m := Message{Kind: MsgNack, Nonce: op.Ticket, Sum: op.Sum, Offset: op.Offset}
	if d.Fault == FaultNone {
		m.Kind, m.Data = MsgChunk, d.Data
	}
	r.send(op.Peer, m)
}
