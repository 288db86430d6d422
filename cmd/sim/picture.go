package main

import (
	"fmt"
	"time"

	"parley/sim"
	"parley/sim/linear"
	"parley/sim/linear/oracle"
)

const (
	// pictureOperations is how many operations the picture of a run shows. Its boxes are as wide as their words,
	// and a search among so many that overlap takes no time that anybody notices.
	pictureOperations = 40
	// pictureLimit is how long Porcupine may look for an order.
	pictureLimit = 20 * time.Second
)

// picture is the tab of a page that shows what clients wanted and saw.
type picture struct {
	Note string `json:"note,omitempty"`
	Page string `json:"page,omitempty"` // Porcupine's, whole; empty: there is nothing to show
}

// drawPicture shows the operations around what contradicts linearizability, or those in the stretch that the page
// shows: the last of them if a judge spoke, else the first.
func drawPicture(r *sim.Result, rec *sim.Recording) (*picture, error) {
	if len(rec.Events) == 0 || r.History == nil {
		return &picture{}, nil
	}
	violation := linear.Check(r.History)
	var w *oracle.Window
	if violation != nil {
		w, _ = oracle.Around(r.History, violation, pictureLimit)
	} else {
		from, to := rec.Events[0].At, rec.Events[len(rec.Events)-1].At
		w = oracle.During(r.History, int64(from), int64(to), pictureOperations, r.Violation != nil)
	}
	if len(w.History.Operations) == 0 {
		return &picture{}, nil
	}
	page, verdict, err := w.Draw(r.History, violation, pictureLimit)
	if err != nil {
		return nil, err
	}
	return &picture{Note: pictureNote(w, violation, verdict), Page: string(page)}, nil
}

// pictureNote says what is to be seen.
func pictureNote(w *oracle.Window, violation *linear.Violation, verdict oracle.Verdict) string {
	first, last := w.Positions()
	what := fmt.Sprintf("%d operations of clients, positions %d to %d", len(w.History.Operations), first, last)
	if w.LeftOut > 0 {
		what += fmt.Sprintf(" (%d reads more are left out)", w.LeftOut)
	}
	what += "."
	switch {
	case verdict == oracle.Undecided:
		return what + fmt.Sprintf(" Porcupine found no order of them in %s, and no proof that there is none.", pictureLimit)
	case violation == nil && verdict == oracle.Linearizable:
		return what + " The line joins the instants at which they took effect, in an order that explains every answer."
	case violation == nil:
		return what + " Porcupine finds no order that explains their answers, and the order of their positions does: one of the two is wrong."
	case verdict == oracle.Linearizable:
		return what + " " + violation.Reason + " Another order explains all that the answers say, but for the positions that they name."
	}
	return what + " " + violation.Reason + " No order explains their answers; each line goes as far as one could."
}

// crossCheck asks Porcupine about a whole run, window by window, and returns what it says in a line.
func crossCheck(h *linear.History) (string, bool) {
	windows := oracle.Windows(h, pictureOperations)
	operations := 0
	for i, w := range windows {
		operations += len(w.History.Operations)
		if verdict := w.Search(pictureLimit); verdict != oracle.Linearizable {
			first, last := w.Positions()
			return fmt.Sprintf("porcupine: window %d of %d, positions %d to %d: %s", i+1, len(windows), first, last, verdict), false
		}
	}
	return fmt.Sprintf("porcupine: %d operations in %d windows, all linearizable", operations, len(windows)), true
}
