package sim

// A clogged link delivers nothing for a while, and then all that queued at once, in order: a switch that
// learns a new route, a connection whose window is zero. Unlike a cut nothing is lost, so that the
// past arrives in a burst, when everybody has long gone on without it.

// hold keeps a packet at the end of a clogged link. The event is void: nothing has happened yet.
func (w *World) hold(e *event) {
	w.net.held = append(w.net.held, *e)
	w.cover.Clogged++
}

// release lets packets arrive whose links are free now.
func (w *World) release() {
	n := &w.net
	kept := n.held[:0]
	for _, e := range n.held {
		if p := &n.packets[e.arg]; n.ways[p.from][p.to].clogged {
			kept = append(kept, e)
			continue
		}
		e.at = w.now
		w.agenda.again(&e)
	}
	n.held = kept
}
