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

// event is one thing that will happen. Events are plain values: nothing is allocated for them. They take 32 bytes, half a line of the
// processor's cache.
type event struct {
	at       int64  // simulated nanoseconds since the start of the world
	arg      uint64 // by kind
	sequence uint32 // given by the agenda
	epoch    uint32 // the process that the event belongs to; another one ignores it
	who      int32  // node id or client number, by kind
	place    int16  // of the actor to whom it happens, once the scheduler asked; see actorOf
	priority uint8
	kind     eventKind
}

// agenda holds the events to come, in order, the first at the end. Most of what is pushed happens soon: of some hundreds that wait
// a dozen come before it, and to make room behind those takes less than a tree does. What is compared and moved are keys; an
// event stays in its slot.
type agenda struct {
	keys  []agendaKey // falling: the first to happen is the last
	slots []event
	free  []uint32 // slots of events that have happened
	last  uint32   // the sequence given out last
}

// agendaKey is where an event stands in the world's one order: (time, priority, sequence). Sequence is unique, so the
// order is total, and does not depend on the slot, which is told behind it.
type agendaKey struct {
	at    uint64
	order uint64 // priority 1 bit, sequence 43 bits, of which 32 are in use, slot 20 bits
}

const (
	slotBits = 20
	slotsMax = 1 << slotBits
)

// slot is where the event is.
func (k agendaKey) slot() uint64 { return k.order % slotsMax }

// before reports whether a key comes before another one.
func (k agendaKey) before(o agendaKey) bool { return k.at < o.at || k.at == o.at && k.order < o.order }

// push gives the event its sequence and stores it.
func (a *agenda) push(e event) {
	a.last++
	if a.last == 0 {
		panic("sim: four billion events in one run: their order is used up")
	}
	e.sequence = a.last
	a.again(&e)
}

// again stores an event that was taken off: by its sequence it keeps its place before all that was
// pushed after it.
func (a *agenda) again(e *event) {
	k := agendaKey{uint64(e.at), uint64(e.priority)<<63 | uint64(e.sequence)<<slotBits | a.put(e)}
	a.keys = append(a.keys, k)
	i := len(a.keys) - 1
	for i >= leap && a.keys[i-leap].before(k) {
		i -= leap
	}
	for i > 0 && a.keys[i-1].before(k) {
		i--
	}
	copy(a.keys[i+1:], a.keys[i:])
	a.keys[i] = k
}

// leap is how many keys a search for a place goes past at once.
const leap = 8

// put stores an event in a slot.
func (a *agenda) put(e *event) (slot uint64) {
	if n := len(a.free); n > 0 {
		slot = uint64(a.free[n-1])
		a.free = a.free[:n-1]
		a.slots[slot] = *e
		return slot
	}
	if len(a.slots) == slotsMax {
		panic("sim: too many events wait to happen")
	}
	a.slots = append(a.slots, *e)
	return uint64(len(a.slots) - 1)
}

// pop removes the first event; there must be one. It is still in its slot, and whoever pushes takes that.
func (a *agenda) pop() *event {
	first := len(a.keys) - 1
	slot := a.keys[first].slot()
	a.keys = a.keys[:first]
	a.free = append(a.free, uint32(slot))
	return &a.slots[slot]
}

// empty reports whether nothing will ever happen again.
func (a *agenda) empty() bool { return len(a.keys) == 0 }

// next is when the first event happens; there must be one.
func (a *agenda) next() int64 { return int64(a.keys[len(a.keys)-1].at) }
