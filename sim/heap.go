package sim

// eventKind names what happens at an event. The numbers are in the trace's
// hash: append, never renumber.
type eventKind uint8

// The events of a world.
const (
	eventFault       eventKind = iota + 1 // a line of the plan begins (index in arg)
	eventFaultEnds                        // and ends
	eventHeal                             // the liveness phase begins
	eventStart                            // a node's process starts
	eventMessage                          // a message reaches a node (packet in arg)
	eventPeerLost                         // a node learns that messages to a peer were dropped
	eventWake                             // a node's deadline is due
	eventWrite                            // a disk writes what is queued to its cache
	eventSync                             // a disk syncs it
	eventStored                           // a node learns that it is stored
	eventOperation                        // a client wants something
	eventRequest                          // a client's request reaches a node
	eventAnswer                           // a node's answer reaches a client
	eventLost                             // a client learns that no answer will come
	eventCaller                           // a client's deadline is due
	eventFrame                            // frames reach a subscriber
	eventSubscribe                        // a subscriber connects
	eventSeal                             // an idle disk seals its log
	eventCancel                           // a node learns that a caller went away
	eventQuit                             // a caller goes away in the middle of an operation
	eventStep                             // a node's loop takes what came in
	eventTaken                            // a node learns that a subscriber took a frame
	eventOperator                         // an operator asks the leader (line of the plan in arg)
	eventTask                             // a worker does what is first in its queue
	eventReplace                          // an operator looks after a node that is lost
	eventBlob                             // a store of blobs does what is first in its queue
	eventUploader                         // an uploader has a wish, or waited in vain
	eventFileRequest                      // its request reaches a node
	eventFileAnswer                       // a node's answer reaches it
	eventResource                         // a write under a fence reaches what a lock protects
	eventFlap                             // a flapping link goes off or on (line of the plan in arg)
)

// Priorities order events of one instant. Faults come first, so that a crash at
// t is seen by whatever else happens at t.
const (
	priorityFault  uint8 = 0
	priorityNormal uint8 = 1
)

// event is one thing that will happen. Events are plain values: the heap moves
// them without allocation.
type event struct {
	at       int64 // simulated nanoseconds since the start of the world
	sequence uint64
	priority uint8
	kind     eventKind
	place    int16  // of the actor to whom it happens, once the scheduler asked; see actorOf
	who      int32  // node id or client number, by kind
	arg      uint64 // by kind
	epoch    uint32 // the process that the event belongs to; another one ignores it
}

// before is the world's one order: (time, priority, sequence). Sequence is
// unique, so the order is total and nothing depends on the heap's shape.
func (e *event) before(f *event) bool {
	if e.at != f.at {
		return e.at < f.at
	}
	if e.priority != f.priority {
		return e.priority < f.priority
	}
	return e.sequence < f.sequence
}

// heap is a 4-ary heap of events, by hand: container/heap calls through an
// interface and boxes every element, which costs a third of a run.
type heap struct {
	events []event
	last   uint64 // the sequence given out last
}

// push gives the event its sequence and stores it.
func (h *heap) push(e event) {
	h.last++
	e.sequence = h.last
	h.again(e)
}

// again stores an event that was taken off: by its sequence it keeps its place before all that was
// pushed after it.
func (h *heap) again(e event) {
	h.events = append(h.events, e)
	i := len(h.events) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&h.events[parent]) {
			break
		}
		h.events[i] = h.events[parent]
		i = parent
	}
	h.events[i] = e
}

// pop removes the first event; there must be one.
func (h *heap) pop() event {
	first := h.events[0]
	n := len(h.events) - 1
	e := h.events[n]
	h.events = h.events[:n]
	if n == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least := child
		if child+3 < n {
			least = h.earlier(h.earlier(child, child+1), h.earlier(child+2, child+3))
		} else {
			for c := child + 1; c < n; c++ {
				least = h.earlier(least, c)
			}
		}
		if !h.events[least].before(&e) {
			break
		}
		h.events[i] = h.events[least]
		i = least
	}
	h.events[i] = e
	return first
}

// earlier returns which of two places has what comes first. Which it is no processor can guess, so there is no branch for it.
func (h *heap) earlier(i, j int) int {
	d := h.events[j].at - h.events[i].at // both are from 0 on
	if d == 0 {
		return h.tie(i, j)
	}
	return i + (j-i)&int(d>>63)
}

// tie is earlier for two events of one instant.
func (h *heap) tie(i, j int) int {
	if h.events[j].before(&h.events[i]) {
		return j
	}
	return i
}

// empty reports whether nothing will ever happen again.
func (h *heap) empty() bool { return len(h.events) == 0 }
