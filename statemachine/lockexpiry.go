package statemachine

import (
	"encoding/binary"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/state"
)

// Locks end by log time: a lock is held while the stamp of the last entry applied is below its deadline, and not a
// nanosecond longer, whether its row is gone already or not. Rows go in the order of their deadlines, some
// per entry, each with an event.
//
// When the leader changes, holders could not renew for a while and are not to blame. So a lock that was held at
// the last stamp before the first entry of a term has its whole time again from that entry on. Nothing is
// written for that: what is kept is when the term began, and a lock's deadline is computed from it whenever
// somebody asks. Its row, and its place in the order of deadlines, are made right when its old deadline comes.
//
//	stamp      ─────────┬─────── before ║ first ──────────────────┬──────▶
//	lock, row           written         ║            deadline as written
//	deadlineOf                          ║ first + ttl
//	                                    new term

// The marks that the machine keeps about its time. Both are there only while there are locks: a cluster that has
// none writes nothing for the time.
const (
	// markTime: the stamp and the term of the last entry.
	//
	//	u64 log time | u64 term
	markTime = "time"
	// markTerms: when terms began, oldest first; see termStart.
	//
	//	each: u64 position | u64 before | u64 first
	markTerms = "terms"
)

// logTime is how far the machine's time has come.
type logTime struct {
	now  raft.LogTime
	term uint64
}

// time returns the stamp and the term of the last entry; zero if there are no locks.
func (m *Machine) time() logTime {
	row, _ := m.Get(state.TableMarks, markTime)
	r := reader{src: row}
	return logTime{raft.LogTime(r.u64()), r.u64()}
}

func (m *Machine) setTime(at node.Applied) {
	if m.time() != (logTime{at.Time, uint64(at.Term)}) {
		m.Write(state.TableMarks, markTime, appendU64(appendU64(make([]byte, 0, 2*8), uint64(at.Time)), uint64(at.Term)))
	}
}

// restTime forgets the time when there are no locks any more.
func (m *Machine) restTime() {
	if m.Len(state.TableLocks) == 0 {
		m.Remove(state.TableMarks, markTime)
		m.Remove(state.TableMarks, markTerms)
	}
}

// termStart is the beginning of a term.
type termStart struct {
	position raft.Position // of its first entry
	before   raft.LogTime  // the stamp of the entry before that
	first    raft.LogTime  // its own stamp
}

const termStartBytes = 3 * 8

func readTermStart(r *reader) termStart {
	return termStart{raft.Position(r.u64()), raft.LogTime(r.u64()), raft.LogTime(r.u64())}
}

// termBegins takes down that a term began with the entry at hand.
func (m *Machine) termBegins(at node.Applied, before raft.LogTime) {
	row, _ := m.Get(state.TableMarks, markTerms)
	row = append(make([]byte, 0, len(row)+termStartBytes), row...)
	row = appendU64(row, uint64(at.Position))
	row = appendU64(row, uint64(before))
	m.Write(state.TableMarks, markTerms, appendU64(row, uint64(at.Time)))
}

// forgetTerms keeps the newest beginning alone. It is for when no deadline as written has passed: every lock was
// held then at every beginning behind its row, and of these the newest counts.
func (m *Machine) forgetTerms() {
	row, _ := m.Get(state.TableMarks, markTerms)
	if len(row) > termStartBytes {
		m.Write(state.TableMarks, markTerms, append([]byte{}, row[len(row)-termStartBytes:]...))
	}
}

// deadlineOf is the log time from which on a lock is not held.
func (m *Machine) deadlineOf(l *lockRow) raft.LogTime {
	deadline := l.deadline
	row, _ := m.Get(state.TableMarks, markTerms)
	for r := (reader{src: row}); len(r.src) >= termStartBytes; {
		if s := readTermStart(&r); s.position > l.written && s.before < deadline {
			deadline = later(s.first, l.ttl)
		}
	}
	return deadline
}

// later adds up without going over.
func later(t raft.LogTime, d time.Duration) raft.LogTime {
	if sum := t.Add(d); sum >= t {
		return sum
	}
	return 1<<63 - 1
}

// advanceLocks lets time pass up to an entry; see node.Timed.
func (m *Machine) advanceLocks(at node.Applied) {
	if m.Len(state.TableLocks) == 0 {
		return
	}
	if was := m.time(); was.term != uint64(at.Term) {
		m.termBegins(at, was.now)
	}
	m.setTime(at)
	m.expireLocks(at)
	m.restTime()
}

// nextLockDeadline is the first deadline as it was written. A change of the leader may have moved it; then there is a row to
// be made right.
func (m *Machine) nextLockDeadline() (raft.LogTime, bool) {
	key, _, ok := m.First(state.TableLockDeadlines)
	deadline, _ := splitDeadlineKey(key)
	return deadline, ok
}

// expireLocks ends locks whose deadlines have passed, and makes right those that a change of the leader gave more
// time: both in the order of the deadlines as written, some per entry.
func (m *Machine) expireLocks(at node.Applied) {
	for range m.Limits.LockExpiriesMax {
		key, _, ok := m.First(state.TableLockDeadlines)
		deadline, name := splitDeadlineKey(key)
		if !ok || deadline > at.Time {
			m.forgetTerms()
			return
		}
		l, ok := m.lock(name)
		if !ok || lockDeadlineKey(l.deadline, name) != key { // no machine writes such a state, and a snapshot may hold any
			m.Remove(state.TableLockDeadlines, key)
			continue
		}
		if moved := m.deadlineOf(&l); moved > at.Time {
			m.dropLock(&l)
			l.deadline, l.written = moved, at.Position
			m.putLock(&l)
			continue
		}
		m.expireLock(at, &l)
	}
}

// expireLock ends a lock that nobody holds any more.
func (m *Machine) expireLock(at node.Applied, l *lockRow) {
	m.dropLock(l)
	m.recordLock(at, EventExpire, l, "", 0)
}

// lockDeadlineKey orders locks by deadline.
//
//	u64 deadline, big-endian | name
func lockDeadlineKey(deadline raft.LogTime, name string) string {
	return state.Key(uint64(deadline)) + name
}

func splitDeadlineKey(key string) (deadline raft.LogTime, name string) {
	if len(key) < 8 {
		return 0, ""
	}
	return raft.LogTime(binary.BigEndian.Uint64([]byte(key[:8]))), key[8:]
}
