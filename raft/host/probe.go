package host

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// Probe is told what a host does, by whichever goroutine does it: the loop and the disk among them. So its functions
// are quick, call nothing of the host and keep nothing of what they are given. One that is nil costs a comparison.
type Probe struct {
	// Step tells of a Step of the node: how long it took, and how many events it was given.
	Step func(took time.Duration, events int)
	// Batch tells of a batch that is durable.
	Batch func(b Batch)
	// Task tells of work on snapshots that has ended.
	Task func(kind node.TaskKind, took time.Duration, err error)
	// Answer tells how a request ended, also one that never reached the node.
	Answer func(outcome node.Outcome, code node.Code)
	// Push tells of what subscribers are sent in one Step; progress notes are not counted.
	Push func(frames, bytes int)
	// End tells why the node ended a subscription.
	End func(code node.Code)
}

// Batch is one write of the disk.
type Batch struct {
	Entries, Bytes int           // of the log; a batch of promises alone has none
	Write          time.Duration // until the system had it
	Sync           time.Duration // and from there until the disk had it
}

// stepped makes a Step, and tells of it.
func (h *Host) stepped(in []node.Event, out *node.Output) {
	now := h.now()
	h.node.Step(now, in, out)
	if tell := h.cfg.Probe.Step; tell != nil {
		tell(h.now().Sub(now), len(in))
	}
}

// pushed tells of the frames of a Step.
func (h *Host) pushed(push []node.Frame) {
	tell := h.cfg.Probe.Push
	if tell == nil {
		return
	}
	frames, bytes := 0, 0
	for i := range push {
		if n := len(push[i].Body); n > 0 {
			frames, bytes = frames+1, bytes+n
		}
	}
	if frames > 0 {
		tell(frames, bytes)
	}
}

// ended tells how a request ended, and returns its answer.
func (h *Host) ended(a node.Answer) node.Answer {
	if tell := h.cfg.Probe.Answer; tell != nil {
		tell(a.Outcome, a.Code)
	}
	return a
}

// stopwatch takes the times of one batch, if anybody wants to know.
type stopwatch struct {
	told  func(Batch)
	begun time.Time
	b     Batch
}

func (d *disk) begin() stopwatch {
	w := stopwatch{told: d.told}
	if w.told != nil {
		w.begun = time.Now()
	}
	return w
}

func (w *stopwatch) written() {
	if w.told != nil {
		w.b.Write = time.Since(w.begun)
	}
}

func (w *stopwatch) synced() {
	if w.told != nil {
		w.b.Sync = time.Since(w.begun) - w.b.Write
	}
}

func (w *stopwatch) tell(stores []raft.Store) {
	if w.told == nil {
		return
	}
	for i := range stores {
		w.b.Entries += len(stores[i].Entries)
		w.b.Bytes += storeBytes(&stores[i])
	}
	w.told(w.b)
}
