package sim

import (
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// coverPassed looks at what ended with an entry.
func (w *World) coverPassed(p passed) {
	c := &w.cover
	c.TeamExpired += uint64(p.logins)
	c.TeamLapsed += uint64(p.locks)
	c.TeamGraced += uint64(p.graced)
	c.TeamAged += uint64(p.aged.posts + p.aged.files)
	w.reachIf(agedRest, p.aged.rest)
	w.reachIf(agedUnread, p.aged.unread)
	w.reachIf(agedNaming, p.aged.named)
	w.reachIf(deskGraceInLine, p.gracedInLine)
	w.coverHands(p.events)
}

// coverHands looks at what is told of locks at one position, in order.
func (w *World) coverHands(events []state.Event) {
	c := &w.cover
	ended, broken, vain := false, false, false
	for i := range events {
		switch e := &events[i]; e.Kind {
		case state.EventLoginEnded:
			ended = true
		case state.EventLockBroken:
			broken = true
		case state.EventLockWaitEnded:
			c.WaitsEnded++
			vain = true
		case state.EventLocked:
			c.TeamLocked++
			if e.Ticket != 0 {
				c.HandedOn++
				w.reachIf(deskEndedLogin, ended)
				w.reachIf(deskBrokenInLine, broken)
				w.reachIf(deskPassedOver, vain && !ended)
			}
		}
	}
}

// coverDesk looks at a command about a lock or a document that was executed.
func (w *World) coverDesk(op *operation, d *teamDeed, refusal *state.Refusal) {
	w.coverHands(d.events)
	w.reachIf(deskParked, d.parked > w.lately.parked)
	w.lately.parked = d.parked
	switch c := op.team.command.(type) {
	case *lock.Acquire:
		l := d.lockNamed(c.Name)
		w.reachIf(deskLapsedUnseen, refusal == nil && l != nil && d.lapsed)
	case *lock.Renew:
		w.reachIf(deskHolderShut, refusal != nil && (refusal.Reason == "NOT_DOCUMENT_EDITOR" || refusal.Code == state.NotFound) && d.holdsNow(c.Name))
	case *document.Update, *document.Restore:
		w.coverWrite(op, d, refusal)
	}
}

func (w *World) coverWrite(op *operation, d *teamDeed, refusal *state.Refusal) {
	_, restores := op.team.command.(*document.Restore)
	switch {
	case refusal == nil && restores:
		w.cover.Restored++
		fallthrough
	case refusal == nil:
		w.cover.Written++
	case refusal.Reason == "LOCK_HELD", refusal.Reason == "LOCK_REQUIRED":
		w.cover.LockedOff++
	case refusal.Reason == "STALE_FENCE":
		w.cover.LockedOff++
		w.reach(deskLateWrite)
	case refusal.Reason == "VERSION_CONFLICT":
		w.cover.Versions++
		w.reach(deskRaced)
	}
}
