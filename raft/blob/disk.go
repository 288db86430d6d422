package blob

import (
	"parley/raft"
)

// OpKind names what is done to a store.
type OpKind uint8

// The operations. Those of uploads come from whoever serves clients; the others from
// the replicator.
const (
	OpBegin  OpKind = iota + 1 // Sum Size: Done.Have
	OpWrite                    // Sum Chunk Data
	OpCommit                   // Sum: Done.Held
	OpRead                     // Sum Offset Bytes: Done.Data; of what may not be whole, for a peer
	OpRemove                   // Sum Gen
	OpVerify                   // Sum Offset Bytes: Done.Offset, where the next goes on

	OpUploadBegin   // Upload: Done.Offset
	OpUploadAppend  // Upload Offset Data: Done.Offset
	OpUploadCommit  // Upload Sum: Done.Held
	OpUploadAbandon // Upload
	OpClientRead    // Sum Offset Bytes: Done.Data; of a blob that is held, for a client
)

var opNames = [...]string{
	OpBegin: "begin", OpWrite: "write", OpCommit: "commit", OpRead: "read", OpRemove: "remove", OpVerify: "verify",
	OpUploadBegin: "begin upload", OpUploadAppend: "append to upload", OpUploadCommit: "commit upload",
	OpUploadAbandon: "abandon upload", OpClientRead: "read for a client",
}

// String names the operation as traces do.
func (k OpKind) String() string {
	if int(k) < len(opNames) && opNames[k] != "" {
		return opNames[k]
	}
	return "unknown operation"
}

// Op is one thing to be done to the store, as data: the loop that asks for it never waits.
type Op struct {
	Kind   OpKind
	Ticket uint64 // comes back in Done
	Sum    Sum
	Size   int64
	Chunk  int64
	Offset int64
	Bytes  int
	Gen    uint64
	Upload uint64
	Data   []byte
	Peer   raft.Ident // OpRead: who asked
}

// Done is what came of an Op.
type Done struct {
	Op     Op // without Data
	Fault  Fault
	Err    error // what Fault says in one word; for people
	Have   []uint64
	Held   Held
	Offset int64
	Data   []byte
}

// Do performs an operation on the store. Production calls it on a worker, the simulator in an
// event; both hand the Done back, in the order in which the operations were done.
func (s *Store) Do(op Op) Done {
	d := Done{Op: op}
	d.Op.Data = nil
	switch op.Kind {
	case OpBegin:
		d.Have, d.Err = s.Begin(op.Sum, op.Size)
	case OpWrite:
		d.Err = s.Write(op.Sum, op.Chunk, op.Data)
	case OpCommit:
		d.Held, d.Err = s.Commit(op.Sum)
	case OpRead:
		d.Data, d.Err = s.ReadPiece(op.Sum, op.Offset, op.Bytes)
	case OpRemove:
		d.Err = s.Remove(op.Sum, op.Gen)
	case OpVerify:
		d.Offset, d.Err = s.Verify(op.Sum, op.Offset, op.Bytes)
	case OpUploadBegin:
		d.Offset, d.Err = s.BeginUpload(op.Upload)
	case OpUploadAppend:
		d.Offset, d.Err = s.AppendUpload(op.Upload, op.Offset, op.Data)
	case OpUploadCommit:
		d.Held, d.Err = s.CommitUpload(op.Upload, op.Sum)
	case OpUploadAbandon:
		s.AbandonUpload(op.Upload)
	case OpClientRead:
		d.Data, d.Err = s.Read(op.Sum, op.Offset, op.Bytes)
	default:
		broken("operation %d", op.Kind)
	}
	d.Fault = faultOf(d.Err)
	return d
}
