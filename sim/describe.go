package sim

import (
	"fmt"
	"strconv"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/statemachine"
)

// Words for traces and reports.

func formatUint(x uint64) string { return strconv.FormatUint(x, 10) }

// describeStores says what a write holds: "writes 3..5 in term 2, cut from 3".
func describeStores(stores []raft.Store) string {
	entries, truncate := 0, raft.Index(0)
	var first, last raft.Index
	var hard raft.HardState
	for i := range stores {
		s := &stores[i]
		if s.Truncate != 0 && (truncate == 0 || s.Truncate < truncate) {
			truncate = s.Truncate
		}
		for j := range s.Entries {
			if entries == 0 {
				first = s.Entries[j].Index
			}
			last = s.Entries[j].Index
			entries++
		}
		hard = s.Hard
	}
	line := fmt.Sprintf("term %d, vote %v", hard.Term, hard.Vote)
	if entries > 0 {
		line += fmt.Sprintf(", entries %d..%d", first, last)
	}
	if truncate != 0 {
		line += fmt.Sprintf(", cut from %d", truncate)
	}
	return line
}

func describeRequest(r *caller.Request) string {
	switch r.Kind {
	case caller.RequestOpenSession:
		return fmt.Sprintf("request %d to %s: open a session", r.ID, r.Target)
	case caller.RequestCloseSession:
		return fmt.Sprintf("request %d to %s: close session %d", r.ID, r.Target, r.Command.Session)
	case caller.RequestOnce:
		return fmt.Sprintf("request %d to %s: one-shot command %q", r.ID, r.Target, r.Command.RequestID)
	case caller.RequestCommand:
		return fmt.Sprintf("request %d to %s: command %d of session %d", r.ID, r.Target, r.Command.Seq, r.Command.Session)
	}
	return fmt.Sprintf("request %d to %s: query", r.ID, r.Target)
}

func describeAnswer(a *node.Answer) string {
	switch {
	case a.Outcome == node.Done && a.Session != 0:
		return fmt.Sprintf("session %d", a.Session)
	case a.Outcome == node.Done:
		return fmt.Sprintf("done at %d", a.Position)
	case a.Hint != 0:
		return fmt.Sprintf("%s, %s, ask %d", a.Outcome, a.Code, a.Hint)
	}
	return fmt.Sprintf("%s, %s", a.Outcome, a.Code)
}

func describeFrame(f *node.Frame) string {
	if len(f.Body) == 0 {
		return fmt.Sprintf("that there is nothing more up to %d (leader quiet for %s)", f.Position, formatDuration(f.LeaderQuiet))
	}
	if f.Notice {
		return fmt.Sprintf("a notice, behind all up to %d", f.Position)
	}
	return fmt.Sprintf("event %d", f.Position)
}

func describeLock(granted bool, l *statemachine.Lock) string {
	if l.Fence == 0 {
		return "no lock"
	}
	return fmt.Sprintf("granted %s, held by %s under fence %d with %s of %s left", yesNo(granted), l.Holder, l.Fence, formatDuration(l.Left), formatDuration(l.TTL))
}
