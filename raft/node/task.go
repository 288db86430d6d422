package node

import (
	"parley/raft"
	"parley/raft/snap"
)

// TaskKind names work on snapshots that takes long, so that the loop hands it to a worker.
type TaskKind uint8

// The tasks. The worker does them in the order in which they came, and answers each with an
// EventTask.
const (
	TaskMake  TaskKind = iota + 1 // write State behind Base to a snapshot file
	TaskRead                      // read pieces of the snapshot ID from Offset on, at most Max bytes, behind Data, for Peer
	TaskFetch                     // begin the download of ID, or take it up
	TaskPut                       // put Data, which begins at Offset, into the download
	TaskLoad                      // finish the download of ID, and decode what is in it
	TaskPrune                     // drop the snapshots that are not needed: all but the newest two and those in Keep
)

// String names the task as traces print it.
func (k TaskKind) String() string {
	switch k {
	case TaskMake:
		return "make"
	case TaskRead:
		return "read"
	case TaskFetch:
		return "fetch"
	case TaskPut:
		return "put"
	case TaskLoad:
		return "load"
	case TaskPrune:
		return "prune"
	}
	return "task"
}

// Task is one piece of work.
type Task struct {
	Kind   TaskKind
	Base   raft.Base // TaskMake
	State  *State    // TaskMake
	ID     snap.ID
	Offset int64
	Max    int
	Data   []byte
	Peer   raft.Ident // TaskRead: who asked
	Keep   []raft.Index
}

// TaskDone is how a task ended.
type TaskDone struct {
	Task Task // as it was given, without State and Data
	Err  error

	Info  snap.Info // TaskMake, TaskLoad
	State *State    // TaskLoad
	Data  []byte    // TaskRead: the task's, and the pieces
	Have  int64     // TaskFetch, TaskPut: how much of the download is there and right
	Whole bool      // TaskFetch, TaskPut: all of it
}
