package host

import (
	"errors"
	"sync"
	"time"

	"parley/raft/node"
)

// worker is the goroutine that makes, reads, receives and decodes snapshots. That takes long, and neither the
// loop nor the log's disk waits for it; and in its turn it gives way to both.
type worker struct {
	snaps  *node.Snapshots
	report func(node.Event)
	told   func(node.TaskKind, time.Duration, error) // of each task; nil is nobody

	worked time.Time // since when without a pause

	mu      sync.Mutex
	queue   []node.Task // bounded by the node: so many reads and puts, and one of each other kind
	closing bool
	wake    chan struct{}
	done    chan struct{}
}

// errStopping ends a task because the host stops.
var errStopping = errors.New("host: the node stops")

const (
	// restTimes is how many times as long as it worked the worker rests. A snapshot of 200 MB then travels in six seconds, and
	// who waits for an answer in the meantime does not notice: at once as long, everybody did (docs/benchmarks.md).
	restTimes = 3
	// restMax bounds a rest, so that a snapshot that is made on a sleepy machine comes to an end.
	restMax = 20 * time.Millisecond
)

func newWorker(snaps *node.Snapshots, report func(node.Event)) *worker {
	return &worker{snaps: snaps, report: report, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// submit queues tasks.
func (w *worker) submit(tasks []node.Task) {
	w.mu.Lock()
	w.queue = append(w.queue, tasks...)
	w.mu.Unlock()
	w.ring()
}

// close ends the task under way, if it is one of the long ones, and drops the others: each can be done again.
func (w *worker) close() {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.ring()
	<-w.done
}

func (w *worker) ring() {
	select {
	case w.wake <- struct{}{}:
	default: // rung already
	}
}

// run works until it is closed.
func (w *worker) run() {
	defer close(w.done)
	for {
		t, ok, closing := w.take(func(*node.Task) bool { return true })
		switch {
		case closing:
			return
		case !ok:
			<-w.wake
		default:
			w.worked = time.Now()
			w.do(&t, w.pause)
			w.rest()
		}
	}
}

// take returns the first task that is wanted.
func (w *worker) take(wanted func(*node.Task) bool) (t node.Task, ok, closing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.queue {
		if t := w.queue[i]; wanted(&t) {
			copy(w.queue[i:], w.queue[i+1:])
			w.queue[len(w.queue)-1] = node.Task{}
			w.queue = w.queue[:len(w.queue)-1]
			return t, true, w.closing
		}
	}
	return node.Task{}, false, w.closing
}

func (w *worker) do(t *node.Task, between func() error) {
	begun := time.Now()
	done := w.snaps.Do(t, between)
	if w.told != nil {
		w.told(t.Kind, time.Since(begun), done.Err)
	}
	w.report(node.Event{Kind: node.EventTask, Done: &done})
}

// pause comes in the middle of a long task. Peers that wait for pieces get them; then it rests.
func (w *worker) pause() error {
	for {
		t, ok, closing := w.take(func(t *node.Task) bool { return t.Kind == node.TaskRead })
		if closing {
			return errStopping
		}
		if !ok {
			break
		}
		w.do(&t, nil)
	}
	w.rest()
	return nil
}

// rest gives way after a piece of work, a short task or a stretch of a long one. Neither processor nor disk has a
// notion of what may wait; so the worker takes a quarter of one of each, however slow they are.
func (w *worker) rest() {
	time.Sleep(min(restTimes*time.Since(w.worked), restMax))
	w.worked = time.Now()
}
