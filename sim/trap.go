package sim

import (
	"errors"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs/memfs"
)

// trap is a crash that lies in wait on one machine: for a stage of a write, or
// for a file operation. A crash at a random instant nearly always finds the disk
// idle; those that show bugs find it in the middle of something.
type trap struct {
	kind   FaultKind // zero: no trap; CrashProcess, CrashMachine or DiskError
	on     Stage
	after  int // file operations left, for StageOperation and StageRecovery
	down   time.Duration
	sprung bool // a file operation was refused: the process is as good as gone
}

var (
	errDisk  = errors.New("simulated: the device failed")
	errCrash = errors.New("simulated: the process is gone")
)

// set has the file system watched if the trap waits for a file operation.
func (t *trap) set(s *server) {
	s.fs.SetHook(nil)
	switch {
	case t.kind == DiskError:
		s.fs.SetHook(func(op memfs.Op) error {
			if op.Kind == memfs.OpSync || t.sprung {
				t.sprung = true
				return errDisk
			}
			return nil
		})
	case t.kind != 0 && t.on == StageFailure:
		struck := s.fs.Struck()
		s.fs.SetHook(func(op memfs.Op) error {
			if t.sprung = t.sprung || s.fs.Struck() > struck && op.Kind.Changes(); t.sprung {
				return errCrash
			}
			return nil
		})
	case t.kind != 0 && (t.on == StageOperation || t.on == StageRecovery && !s.up):
		s.fs.SetHook(func(op memfs.Op) error { return t.operation(s, op) })
	}
}

// operation counts a file operation down and refuses it and all that follow once
// the count is over. A write may still arrive in part.
func (t *trap) operation(s *server, op memfs.Op) error {
	if t.sprung {
		return errCrash
	}
	if !op.Kind.Changes() {
		return nil
	}
	if t.after--; t.after > 0 {
		return nil
	}
	t.sprung = true
	if op.Kind == memfs.OpWrite {
		n := s.w.chance.draw(purposeTear, uint64(s.id), s.crashes)
		return &memfs.ShortWrite{N: int(below(n, uint64(op.Len)+1)), Err: errCrash}
	}
	return errCrash
}

// springs crashes the node if its trap waits for this stage.
func (s *server) springs(on Stage) bool {
	if s.trap.kind == 0 || s.trap.on != on {
		return false
	}
	s.fallIn(on.String())
	return true
}

// springsAt crashes the node if its trap waits for a piece of a download, and so many came before it; or for
// none any more, as all of it is there.
func (s *server) springsAt(task node.TaskKind) bool {
	if s.trap.kind == 0 || s.trap.on != StageDownload || task != node.TaskPut && task != node.TaskLoad {
		return false
	}
	s.trap.after--
	return (s.trap.after <= 0 || task == node.TaskLoad) && s.springs(StageDownload)
}

// springsOn crashes the node if its trap waits for what the notes tell.
func (s *server) springsOn(notes []raft.Note) bool {
	if s.trap.on != StageElected && s.trap.on != StageCommit && s.trap.on != StageLeave {
		return false
	}
	_, leads := s.w.leads(s.id)
	for i := range notes {
		n := &notes[i]
		if n.Kind == raft.NoteRole && raft.Role(n.A) == raft.Leader && s.springs(StageElected) ||
			n.Kind == raft.NoteCommit && leads && s.springs(StageCommit) ||
			n.Kind == raft.NoteConfig && leads && s.w.leaves(s, n.Index) && s.springs(StageLeave) {
			return true
		}
	}
	return false
}

// leaves reports whether a leader's entry is C_new, behind which the joint configuration is over.
func (w *World) leaves(s *server, at raft.Index) bool {
	log := w.judges.logs.mirrors[s.id].handed
	if c := w.configOf(at, termAt(log, at)); at == 0 || len(c.Members) == 0 || c.Joint() {
		return false
	}
	for at--; at > 0; at-- {
		if c := w.configOf(at, termAt(log, at)); len(c.Members) > 0 {
			return c.Joint()
		}
	}
	return false
}

// votes reports whether a message is a vote or asks for one.
func votes(m *raft.Message) bool {
	return m.Kind == raft.MsgVoteReply && m.Granted || m.Kind == raft.MsgVote
}

// fallIn crashes the node as its trap says.
func (s *server) fallIn(where string) {
	if s.w.trace.on() {
		s.w.trace.add("%s at its %s", s.trap.kind, where)
	}
	s.crash(s.trap.kind, s.trap.down)
}

// failed looks at the outcome of a disk operation. An error is a sprung trap, or the
// device's; the latter goes to the node, which must stop: what a failed sync left
// behind is in doubt for good.
func (s *server) failed(err error) bool {
	switch {
	case s.trap.sprung && s.trap.kind != DiskError:
		s.fallIn("file operation")
		return true
	case err == nil:
		return false
	}
	s.disk.busy = true // nothing more is written
	epoch := s.epoch
	s.event(node.EventDiskFailed).Err = err
	s.run()
	if s.epoch == epoch {
		s.w.violate(Stopped, "Node %d goes on after its disk failed: %v.", s.id, err)
	}
	return true
}

// lay arms a crash on a server, or carries it out if it does not wait.
func (w *World) lay(s *server, f *Fault, draw uint64) {
	if !s.up {
		return
	}
	t := trap{kind: f.Kind, on: f.On, down: f.For, after: 1 + int(below(draw, operationsMax))}
	if f.After > 0 {
		t.after = int(f.After)
	}
	switch {
	case f.Kind == DiskError:
		s.trap = t
		s.trap.set(s)
	case f.On == StageNow:
		s.crash(f.Kind, f.For)
	case f.On == StageRecovery:
		s.crash(f.Kind, f.For)
		s.trap = t // set when it starts
	case f.On == StageInstall && s.trap.kind != 0:
		// another one lies there: this fault comes again and again until that has sprung
	default:
		s.trap = t
		s.trap.set(s)
	}
}

// operationsMax bounds how many file operations a trap waits for. A recovery
// that rewrites the last batch does about as many.
const operationsMax = 24

// disarm takes a trap away.
func (s *server) disarm() {
	s.trap = trap{}
	s.fs.SetHook(nil)
}
