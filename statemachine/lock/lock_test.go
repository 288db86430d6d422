package lock_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/statemachine/account"
	"parley/statemachine/lock"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

const ttl = 30 * time.Second

func world(t require.TestingT) (w *teamtest.World, root, ann, bob, cid teamtest.Actor) {
	l := state.DefaultLimits()
	l.LocksPerPrincipalMax, l.LockWaitersMax, l.LockExpiriesMax = 5, 4, 8
	w, root = teamtest.New(t, l)
	return w, root, w.User("ann"), w.User("bob"), w.User("cid")
}

func acquire(w *teamtest.World, a teamtest.Actor, name string, wait time.Duration) (got lock.Answer) {
	w.Must(a, &lock.Acquire{Name: name, TTL: ttl, Wait: wait}, &got)
	return got
}

// get returns who holds a lock, and under which fence.
func get(w *teamtest.World, a teamtest.Actor, name string) (string, raft.Position) {
	var got lock.Answer
	w.Told(a, &lock.Get{Name: name}, &got)
	return got.Lock.Called, got.Lock.Fence
}

// kinds are what a stream shows of locks, in short.
func kinds(seen []state.Shown) (all []string) {
	words := map[state.EventKind]string{state.EventLocked: "lock", state.EventUnlocked: "unlock", state.EventLockExpired: "expire",
		state.EventLockBroken: "break", state.EventLockWaitEnded: "wait ended"}
	for _, e := range seen {
		if word := words[e.Kind]; word != "" {
			all = append(all, fmt.Sprintf("%s %s %s", word, e.Text, e.UserName))
		}
	}
	return all
}

func TestR58_ALockIsGrantedWithAFenceOrItsHolderIsNamed(t *testing.T) {
	w, _, ann, bob, _ := world(t)
	first := acquire(w, ann, "deploy", 0)
	require.Equal(t, lock.Answer{Position: w.At, Granted: true, Lock: lock.Lock{Name: "deploy", Fence: w.At, Holder: ann.ID, Called: "ann", Mine: true,
		Since: w.Now, Wall: raft.Wall(w.At) * 1000, TTL: ttl, Left: ttl}}, first)
	second := acquire(w, bob, "deploy", 0)
	require.False(t, second.Granted, "it is no refusal")
	require.Equal(t, []any{"ann", false, first.Lock.Fence, ttl - time.Second}, []any{second.Lock.Called, second.Lock.Mine, second.Lock.Fence, second.Lock.Left})
	require.False(t, acquire(w, ann, "deploy", 0).Granted, "without the fence nobody is its holder")

	var again lock.Answer
	w.Must(ann, &lock.Acquire{Name: "deploy", TTL: time.Hour, Fence: first.Lock.Fence}, &again)
	require.True(t, again.Granted, "with the fence its holder gets what he has")
	require.Equal(t, first.Lock.Fence, again.Lock.Fence)
	require.Equal(t, ttl-3*time.Second, again.Lock.Left, "and no more time")
	w.Refused(bob, &lock.Acquire{Name: "deploy", TTL: ttl, Fence: first.Lock.Fence}, state.NotPermitted, "NOT_LOCK_HOLDER")
}

func TestR58_WhoWaitsIsServedInTheOrderInWhichHeCame(t *testing.T) {
	w, _, ann, bob, cid := world(t)
	held := acquire(w, ann, "deploy", 0)
	from := w.At
	b := acquire(w, bob, "deploy", time.Minute)
	c := acquire(w, cid, "deploy", time.Minute)
	require.Equal(t, []any{false, b.Position, uint64(0)}, []any{b.Granted, b.Ticket, b.Ahead})
	require.Equal(t, []any{false, c.Position, uint64(1)}, []any{c.Granted, c.Ticket, c.Ahead})
	var got lock.Answer
	w.Told(cid, &lock.Get{Name: "deploy", Ticket: c.Ticket}, &got)
	require.Equal(t, []any{false, c.Ticket, uint64(1), uint64(2)}, []any{got.Granted, got.Ticket, got.Ahead, got.Lock.Waits})
	got = lock.Answer{}
	w.Told(bob, &lock.Get{Name: "deploy", Ticket: c.Ticket}, &got)
	require.Zero(t, got.Ticket, "it is another's")

	w.Must(ann, &lock.Release{Name: "deploy", Fence: held.Lock.Fence}, nil)
	who, fence := get(w, cid, "deploy")
	require.Equal(t, []any{"bob", w.At}, []any{who, fence}, "with the entry that freed it")
	got = lock.Answer{}
	w.Told(bob, &lock.Get{Name: "deploy", Ticket: b.Ticket}, &got)
	require.True(t, got.Granted)
	require.False(t, acquire(w, ann, "deploy", 0).Granted, "nobody passes those who wait")
	w.Must(bob, &lock.Release{Name: "deploy", Fence: fence}, nil)
	who, _ = get(w, cid, "deploy")
	require.Equal(t, "cid", who)
	require.Equal(t, []string{"unlock deploy ann", "lock deploy bob", "unlock deploy bob", "lock deploy cid"}, kinds(w.Seen(ann, from)))
}

func TestR58_AWaitEndsByItselfWhenItIsCancelledAndWithItsLogin(t *testing.T) {
	w, _, ann, bob, cid := world(t)
	held := acquire(w, ann, "deploy", 0)
	short := acquire(w, bob, "deploy", 5*time.Second)
	cancelled := acquire(w, bob, "deploy", time.Minute)
	gone := w.Again(cid)
	acquire(w, gone, "deploy", time.Minute)
	last := acquire(w, cid, "deploy", time.Minute)
	from := w.At
	w.Refused(ann, &lock.Cancel{Name: "deploy", Ticket: cancelled.Ticket}, state.NotFound, "WAIT_NOT_FOUND")
	w.Must(bob, &lock.Cancel{Name: "deploy", Ticket: cancelled.Ticket}, nil)
	w.Refused(bob, &lock.Cancel{Name: "deploy", Ticket: cancelled.Ticket}, state.NotFound, "WAIT_NOT_FOUND")
	w.Must(gone, &account.LogOut{}, nil)
	w.Wait(5 * time.Second)
	require.Equal(t, []string{"wait ended deploy bob", "wait ended deploy bob"}, kinds(w.Seen(bob, from)))
	require.Empty(t, kinds(w.Seen(ann, from)), "it concerns nobody else")
	w.Refused(bob, &lock.Cancel{Name: "deploy", Ticket: short.Ticket}, state.NotFound, "WAIT_NOT_FOUND")
	w.Must(ann, &lock.Release{Name: "deploy", Fence: held.Lock.Fence}, nil)
	var got lock.Answer
	w.Told(cid, &lock.Get{Name: "deploy", Ticket: last.Ticket}, &got)
	require.True(t, got.Granted, "the others are passed over")
}

func TestR58_FreeNamesAreVisibleToAllAndWhatLooksLikeAnIdIsNone(t *testing.T) {
	w, _, ann, bob, _ := world(t)
	acquire(w, ann, "b", 0)
	acquire(w, ann, "a/x:1.2-3", 0)
	acquire(w, bob, "c", 0)
	var page lock.Page
	w.Told(bob, &lock.List{Limit: 2}, &page)
	require.Equal(t, []string{"a/x:1.2-3", "b"}, []string{page.Locks[0].Name, page.Locks[1].Name})
	require.False(t, page.Locks[0].Mine)
	after := page.Next
	page = lock.Page{}
	w.Told(bob, &lock.List{Limit: 2, After: after}, &page)
	require.Equal(t, []any{1, "c", true, ""}, []any{len(page.Locks), page.Locks[0].Name, page.Locks[0].Mine, page.Next})

	for _, name := range []string{"", strings.Repeat("x", 129), "a b", "a\x1b[2J", "ü", "a\x00b", "msg_1", "file_1", "user_1", "login_1", "chan_1", "conv_1"} {
		for _, c := range []state.Command{&lock.Acquire{Name: name, TTL: ttl}, &lock.Renew{Name: name}, &lock.Release{Name: name}, &lock.Break{Name: name}, &lock.Cancel{Name: name}} {
			require.Equal(t, "name", w.Refused(ann, c, state.Invalid, "LOCK_NAME_INVALID").Field)
		}
		w.NotTold(ann, &lock.Get{Name: name}, state.Invalid, "LOCK_NAME_INVALID")
	}
	w.Refused(ann, &lock.Acquire{Name: "doc_zz", TTL: ttl}, state.NotFound, "DOCUMENT_NOT_FOUND")
	w.Refused(ann, &lock.Acquire{Name: "doc_\x1b[2J", TTL: ttl}, state.NotFound, "DOCUMENT_NOT_FOUND")
	for _, d := range []time.Duration{-1, 0, time.Second - 1, time.Hour + 1, -1 << 63} {
		require.Equal(t, "ttl", w.Refused(ann, &lock.Acquire{Name: "x", TTL: d}, state.Invalid, "LOCK_TTL_INVALID").Field)
		if d != 0 {
			w.Refused(ann, &lock.Renew{Name: "b", TTL: d}, state.Invalid, "LOCK_TTL_INVALID")
		}
	}
	for _, d := range []time.Duration{-1, time.Hour + 1} {
		w.Refused(ann, &lock.Acquire{Name: "x", TTL: ttl, Wait: d}, state.Invalid, "LOCK_WAIT_INVALID")
	}
}

func TestR58_ALoginHoldsAndWaitsForSoManyAndALineIsSoLong(t *testing.T) {
	w, _, ann, bob, cid := world(t)
	for i := range 4 {
		acquire(w, ann, fmt.Sprint("l", i), 0)
	}
	acquire(w, bob, "x", 0)
	acquire(w, ann, "x", time.Minute)
	w.Refused(ann, &lock.Acquire{Name: "more", TTL: ttl}, state.Exhausted, "LOCKS_FULL")
	w.Refused(ann, &lock.Acquire{Name: "x", TTL: ttl, Wait: ttl}, state.Exhausted, "LOCKS_FULL")
	acquire(w, w.Again(ann), "more", 0)
	for range 3 {
		acquire(w, cid, "x", time.Minute)
	}
	w.Refused(cid, &lock.Acquire{Name: "x", TTL: ttl, Wait: ttl}, state.Exhausted, "LOCK_LINE_FULL")
	w.Wait(ttl - 5*time.Second)
	acquire(w, ann, "more2", 0) // what is past its deadline counts no more
}

func TestR59_AFenceIsThePositionOfItsGrantAndNoEntryGrantsALockTwice(t *testing.T) {
	w, root, ann, bob, cid := world(t)
	a := acquire(w, ann, "x", 0)
	require.Equal(t, w.At, a.Lock.Fence)
	in := w.Again(bob)
	acquire(w, in, "x", time.Minute)
	acquire(w, cid, "x", time.Minute)
	w.Now = w.Now.Add(ttl - time.Second) // with the next entry ann's ends …
	w.Must(in, &account.LogOut{}, nil)   // … bob has it, and loses it with the same
	who, fence := get(w, ann, "x")
	require.Equal(t, []any{"", raft.Position(0)}, []any{who, fence}, "cid gets it under a fence of its own, with the next entry")
	at, due := w.M.NextDeadline()
	require.True(t, due, "for which a leader need not be asked")
	require.LessOrEqual(t, at, w.Now.Add(1))
	before := w.At
	require.False(t, acquire(w, ann, "x", 0).Granted)
	who, fence = get(w, ann, "x")
	require.Equal(t, "cid", who)
	require.Greater(t, fence, before)
	w.Must(root, &lock.Break{Name: "x"}, nil)
	require.Greater(t, acquire(w, ann, "x", 0).Lock.Fence, fence)
}

func TestR62_ALockEndsByLogTimeUnlessItIsRenewed(t *testing.T) {
	w, _, ann, bob, _ := world(t)
	from := w.At
	l := acquire(w, ann, "x", 0).Lock
	w.Wait(ttl - 2*time.Second)
	var renewed lock.Answer
	w.Must(ann, &lock.Renew{Name: "x", Fence: l.Fence}, &renewed)
	require.Equal(t, []any{l.Fence, ttl, ttl}, []any{renewed.Lock.Fence, renewed.Lock.TTL, renewed.Lock.Left})
	w.Must(ann, &lock.Renew{Name: "x", Fence: l.Fence, TTL: time.Minute}, &renewed)
	require.Equal(t, time.Minute, renewed.Lock.Left)
	w.Wait(time.Minute - 1)
	who, _ := get(w, bob, "x")
	require.Equal(t, "ann", who)
	w.Wait(1)
	who, _ = get(w, bob, "x")
	require.Empty(t, who)
	w.Refused(ann, &lock.Renew{Name: "x", Fence: l.Fence}, state.Conflict, "LOCK_NOT_HELD")
	require.Equal(t, []string{"lock x ann", "expire x ann"}, kinds(w.Seen(bob, from)))
	_, due := w.M.NextDeadline()
	require.True(t, due, "logins end, too")
	require.Zero(t, w.M.LockNow(), "without locks nothing is kept for them")
}

func TestR62_AtMostSoManyExpireWithAnEntryAndNoneIsHeldBeyondItsDeadline(t *testing.T) {
	w, _, ann, bob, cid := world(t)
	for i, a := range []teamtest.Actor{ann, bob, cid} {
		for k := range 5 {
			acquire(w, a, fmt.Sprintf("%d/%d", i, k), 0)
		}
	}
	w.Wait(time.Minute)
	var page lock.Page
	w.Told(ann, &lock.List{}, &page)
	require.Empty(t, page.Locks)
	require.Equal(t, 11, w.M.Len(state.TableHolds), "half of the bound is for those who wait")
	from := w.At
	require.True(t, acquire(w, ann, "2/4", 0).Granted, "it is not waited for its turn")
	require.Contains(t, kinds(w.Seen(ann, from)), "expire 2/4 cid")
}

func TestR62_AChangeOfTheLeaderGivesWhatWasHeldItsWholeTimeAgain(t *testing.T) {
	w, _, ann, bob, _ := world(t)
	x := acquire(w, ann, "x", 0).Lock
	w.Wait(10 * time.Second)
	y := acquire(w, bob, "y", 0).Lock
	w.Term = 7
	w.Wait(ttl - 11*time.Second) // 29 s after x was granted: both are held at the last stamp before
	w.Wait(ttl - 1)
	for name, want := range map[string]lock.Lock{"x": x, "y": y} {
		who, fence := get(w, ann, name)
		require.Equal(t, []any{want.Called, want.Fence}, []any{who, fence}, name)
	}
	w.Wait(1)
	who, _ := get(w, ann, "x")
	require.Empty(t, who)

	acquire(w, ann, "x", 0)
	w.Wait(ttl)
	w.Term = 8
	w.Wait(1)
	who, _ = get(w, ann, "x")
	require.Empty(t, who, "what had ended before stays ended")
}

func TestR63_ALoginThatEndsReleasesItsLocksAndNoOther(t *testing.T) {
	w, root, ann, bob, cid := world(t)
	other := w.Again(ann)
	acquire(w, ann, "x", 0)
	acquire(w, ann, "y", 0)
	kept := acquire(w, other, "z", 0).Lock
	acquire(w, bob, "y", time.Minute)
	from := w.At
	w.Must(ann, &account.LogOut{}, nil)
	require.Equal(t, []string{"unlock x ann", "unlock y ann", "lock y bob"}, kinds(w.Seen(cid, from)))
	who, fence := get(w, cid, "z")
	require.Equal(t, []any{"ann", kept.Fence}, []any{who, fence})

	from = w.At
	w.Must(root, &account.DisableUser{User: "ann"}, nil)
	w.Must(root, &account.RevokeLogin{Login: bob.Head.Login.String()}, nil)
	require.Equal(t, []string{"unlock z ann", "unlock y bob"}, kinds(w.Seen(cid, from)), "whatever ends it")
	require.Zero(t, w.M.Len(state.TableHolds))
	require.Zero(t, w.M.Len(state.TableLoginHolds))
}

func TestR64_TheHoldersUserOrAnAdminOfTheClusterBreaksALock(t *testing.T) {
	w, root, ann, bob, cid := world(t)
	l := acquire(w, ann, "x", 0).Lock
	acquire(w, cid, "x", time.Minute)
	require.Contains(t, w.Refused(bob, &lock.Break{Name: "x"}, state.NotPermitted, "NOT_LOCK_HOLDER").Text, "held by ann")
	from := w.At
	again := w.Again(ann)
	w.Refused(again, &lock.Break{Name: "x", Fence: l.Fence - 1}, state.Conflict, "STALE_FENCE")
	var was lock.Answer
	w.Must(again, &lock.Break{Name: "x", Fence: l.Fence}, &was)
	require.Equal(t, "ann", was.Lock.Called)
	require.Equal(t, []string{"break x ann", "lock x cid"}, kinds(w.Seen(bob, from)))
	w.Refused(ann, &lock.Renew{Name: "x", Fence: l.Fence}, state.Conflict, "STALE_FENCE")
	_, fence := get(w, bob, "x")
	require.Greater(t, fence, l.Fence)
	w.Must(root, &lock.Break{Name: "x"}, nil)
	w.Refused(root, &lock.Break{Name: "x"}, state.Conflict, "LOCK_NOT_HELD")
	records := w.Audited()
	require.Equal(t, []string{fmt.Sprintf("lock.break x: of ann, fence %d", l.Fence), fmt.Sprintf("lock.break x: of cid, fence %d", fence)}, records[len(records)-2:])
}

func TestR65_WhoIsNotTheHolderCanNotUnlockAndLearnsWhoIs(t *testing.T) {
	w, _, ann, bob, _ := world(t)
	l := acquire(w, ann, "x", 0).Lock
	for _, c := range []state.Command{&lock.Release{Name: "x", Fence: l.Fence + 1}, &lock.Renew{Name: "x", Fence: l.Fence - 1}, &lock.Acquire{Name: "x", TTL: ttl, Fence: 1}, &lock.Release{Name: "x"}} {
		for _, a := range []teamtest.Actor{ann, bob} {
			require.Contains(t, w.Refused(a, c, state.Conflict, "STALE_FENCE").Text, "held by ann")
		}
	}
	for _, c := range []state.Command{&lock.Release{Name: "x", Fence: l.Fence}, &lock.Renew{Name: "x", Fence: l.Fence}} {
		require.Contains(t, w.Refused(bob, c, state.NotPermitted, "NOT_LOCK_HOLDER").Text, "held by ann")
		require.Contains(t, w.Refused(w.Again(ann), c, state.NotPermitted, "NOT_LOCK_HOLDER").Text, "another login")
	}
	w.Must(ann, &lock.Release{Name: "x", Fence: l.Fence}, nil)
	w.Refused(ann, &lock.Release{Name: "x", Fence: l.Fence}, state.Conflict, "LOCK_NOT_HELD")
}
