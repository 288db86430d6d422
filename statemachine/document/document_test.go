package document_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/statemachine/chat"
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

func world(t require.TestingT) (w *teamtest.World, root, ann, bob, cid teamtest.Actor) {
	w, root = teamtest.New(t, state.DefaultLimits())
	return w, root, w.User("ann"), w.User("bob"), w.User("cid")
}

// create makes a document that is written without a lock.
func create(w *teamtest.World, a teamtest.Actor, content string) string {
	var made document.Item
	w.Must(a, &document.Create{Title: "Plan", Content: content, Mode: state.LockAdvisory}, &made)
	return made.Document.ID.String()
}

func update(id, content string) *document.Update {
	return document.NewUpdate(id, []byte(content), 0, nil)
}

func show(w *teamtest.World, a teamtest.Actor, q *document.Show) (got document.Content) {
	w.Told(a, q, &got)
	require.Equal(w.T, sha256.Sum256(got.Content), got.Revision.Sum)
	return got
}

func content(w *teamtest.World, a teamtest.Actor, id string, version uint64) string {
	return string(show(w, a, &document.Show{ID: id, Version: version}).Content)
}

func share(w *teamtest.World, a teamtest.Actor, id string, with document.Whom, r state.Role) {
	w.Must(a, &document.Share{ID: id, With: with, Role: r}, nil)
}

func take(w *teamtest.World, a teamtest.Actor, name string) raft.Position {
	var got lock.Answer
	w.Must(a, &lock.Acquire{Name: name, TTL: 30 * time.Second}, &got)
	require.True(w.T, got.Granted)
	return got.Lock.Fence
}

func TestR47_ADocumentIsMadeWithVersionOne(t *testing.T) {
	w, _, ann, _, _ := world(t)
	var made document.Item
	w.Must(ann, &document.Create{Title: "Plan", Content: "a\n", Note: "begun"}, &made)
	require.Equal(t, state.Document{ID: state.DocID(w.At), Title: "Plan", Author: ann.ID, Mode: state.LockRequired, Version: 1, Size: 2, Kept: made.Document.Kept,
		Owners: 1, Grants: 1, Wall: raft.Wall(w.At) * 1000, Last: w.At, LastBy: ann.ID, LastWall: raft.Wall(w.At) * 1000}, made.Document)
	require.Equal(t, []any{"ann", "ann", state.Owner, made.Document.ID.String()}, []any{made.MadeBy, made.WrittenBy, made.Role, made.Lock.Name})
	got := show(w, ann, &document.Show{ID: made.Document.ID.String()})
	require.Equal(t, []any{"a\n", uint64(1), "begun", "ann"}, []any{string(got.Content), got.Revision.Version, got.Revision.Note, got.Revision.Called})
	for field, c := range map[string]document.Create{"title": {}, "note": {Title: "x", Note: "a\nb"}, "lock": {Title: "x", Mode: 3}} {
		require.Equal(t, field, w.Refused(ann, &c, state.Invalid, map[string]string{"title": "FIELD_INVALID", "note": "CONTROL_CHARACTER", "lock": "LOCK_MODE_INVALID"}[field]).Field)
	}
	w.Refused(ann, &document.Create{Title: "a\x1b[2J"}, state.Invalid, "CONTROL_CHARACTER")
	w.Refused(ann, &document.Create{Title: strings.Repeat("x", 201)}, state.Invalid, "TOO_LONG")
}

func TestR48_TheListSaysWhoHoldsTheLockAndForHowLong(t *testing.T) {
	w, _, ann, bob, cid := world(t)
	first, second := create(w, ann, "1"), create(w, bob, "2")
	share(w, bob, second, document.Whom{All: true}, state.Viewer)
	third := create(w, cid, "3")
	fence := take(w, bob, second)
	var page document.Page
	w.Told(ann, &document.List{Limit: 1}, &page)
	require.Len(t, page.Documents, 1)
	i := page.Documents[0]
	require.Equal(t, []any{second, "Plan", "bob", uint64(1), "bob", fence, 30 * time.Second, state.Viewer},
		[]any{i.Document.ID.String(), i.Document.Title, i.MadeBy, i.Document.Version, i.Lock.Called, i.Lock.Fence, i.Lock.Left, i.Role})
	require.NotZero(t, page.Next)
	before := page.Next
	page = document.Page{}
	w.Told(ann, &document.List{Before: before}, &page)
	require.Equal(t, []any{1, first, state.DocID(0)}, []any{len(page.Documents), page.Documents[0].Document.ID.String(), page.Next})
	page = document.Page{}
	w.Told(cid, &document.List{}, &page)
	require.Equal(t, []string{third, second}, []string{page.Documents[0].Document.ID.String(), page.Documents[1].Document.ID.String()})
}

func TestR48_AListThatLooksAtManySaysWhereToGoOn(t *testing.T) {
	l := state.DefaultLimits()
	l.DocumentsLookMax = 3
	w, _ := teamtest.New(t, l)
	ann, bob := w.User("ann"), w.User("bob")
	mine := []string{create(w, ann, "")}
	for range 7 {
		create(w, bob, "")
	}
	mine = append(mine, create(w, ann, ""))
	var all []string
	pages := 0
	for q := (document.List{}); ; pages++ {
		var page document.Page
		w.Told(ann, &q, &page)
		for _, i := range page.Documents {
			all = append(all, i.Document.ID.String())
		}
		if q.Before = page.Next; q.Before == 0 {
			break
		}
	}
	require.Equal(t, []string{mine[1], mine[0]}, all)
	require.Equal(t, 2, pages)
}

func TestR49_TheContentIsShownAtTheNewestAndAtAnyRevision(t *testing.T) {
	w, _, ann, _, _ := world(t)
	id := create(w, ann, "1")
	for i := 2; i <= 40; i++ {
		w.Must(ann, update(id, fmt.Sprint(i)), nil)
		require.Equal(t, fmt.Sprint(i), content(w, ann, id, 0))
	}
	for i := 1; i <= 40; i++ {
		require.Equal(t, fmt.Sprint(i), content(w, ann, id, uint64(i)))
	}
}

func TestR50_AnUpdateReturnsTheNewVersionAndAnOldOneIsAConflictThatNamesTheCurrent(t *testing.T) {
	w, _, ann, _, _ := world(t)
	id := create(w, ann, "one")
	var i document.Item
	u := update(id, "two")
	u.IfVersion = 1
	w.Must(ann, u, &i)
	require.Equal(t, uint64(2), i.Document.Version)
	require.Contains(t, w.Refused(ann, u, state.Conflict, "VERSION_CONFLICT").Text, "version 2")
	w.Must(ann, update(id, "three"), &i)
	require.Equal(t, []any{uint64(3), "three"}, []any{i.Document.Version, content(w, ann, id, 0)})
	w.Refused(ann, &document.Restore{ID: id, Version: 1, IfVersion: 2}, state.Conflict, "VERSION_CONFLICT")
}

func TestR51_AnyUTF8ComesBackAndWhatIsNoneOrTooLongIsRefused(t *testing.T) {
	w, _, ann, _, _ := world(t)
	id := create(w, ann, "")
	require.Empty(t, content(w, ann, id, 1))
	for _, text := range []string{"a|b||c\n\n\r\n\t", "", "\x00", "日本語 🎉\u202e", strings.Repeat("é", 1<<19)} {
		w.Must(ann, update(id, text), nil)
		require.Equal(t, text, content(w, ann, id, 0))
		made := create(w, ann, text)
		require.Equal(t, text, content(w, ann, made, 0))
	}
	long := strings.Repeat("x", 1<<20+1)
	for reason, text := range map[string]string{"CONTENT_NOT_UTF8": "\xff", "DOCUMENT_TOO_LARGE": long} {
		require.Equal(t, "content", w.Refused(ann, update(id, text), state.Invalid, reason).Field)
		require.Equal(t, "content", w.Refused(ann, &document.Create{Title: "x", Content: text}, state.Invalid, reason).Field)
		w.Must(ann, update(id, text[:len(text)-1]), nil)
		v := show(w, ann, &document.Show{ID: id})
		d := document.NewUpdate(id, []byte(text), v.Revision.Version, v.Content)
		d.Base = v.Revision.Version
		d.Delta = document.MakeDelta(v.Content, []byte(text))
		w.Refused(ann, d, state.Invalid, map[string]string{"CONTENT_NOT_UTF8": "CONTENT_NOT_UTF8", "DOCUMENT_TOO_LARGE": "CONTENT_SUM"}[reason])
	}
}

func TestR51_ADeltaThatDoesNotMakeWhatItTellsIsRefused(t *testing.T) {
	w, _, ann, _, _ := world(t)
	was := strings.Repeat("a line of text\n", 100)
	id := create(w, ann, was)
	good := document.NewUpdate(id, []byte(was+"more"), 1, []byte(was))
	require.EqualValues(t, 1, good.Base)
	require.Less(t, len(good.Delta), 20)
	for _, bad := range []func(u *document.Update){
		func(u *document.Update) { u.Sum[0]++ },
		func(u *document.Update) { u.Base = 2 },
		func(u *document.Update) { u.Delta = u.Delta[:len(u.Delta)-1] },
		func(u *document.Update) { u.Delta = append(append([]byte{}, u.Delta...), 0) },
		func(u *document.Update) {
			u.Delta = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0}
		},
		func(u *document.Update) {
			u.Delta = []byte{3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
		},
	} {
		u := *good
		bad(&u)
		w.Refused(ann, &u, state.Invalid, "CONTENT_SUM")
	}
	w.Must(ann, good, nil)
	require.Equal(t, was+"more", content(w, ann, id, 0))
	w.Must(ann, good, nil)
	require.Equal(t, was+"more", content(w, ann, id, 3), "a delta of an older revision is as good")
}

func TestR52_ARevisionHasVersionAuthorTimeAndNoteAndNeverChanges(t *testing.T) {
	w, _, ann, bob, _ := world(t)
	id := create(w, ann, "one")
	share(w, ann, id, document.Whom{User: "bob"}, state.Editor)
	u := update(id, "two")
	u.Note = "what bob says"
	w.Must(bob, u, nil)
	at := w.At
	second := show(w, bob, &document.Show{ID: id, Version: 2})
	require.Equal(t, []any{uint64(2), bob.ID, "bob", raft.Wall(at) * 1000, w.Now, at, "what bob says", uint64(3)},
		[]any{second.Revision.Version, second.Revision.Author, second.Revision.Called, second.Revision.Wall, second.Revision.Time, second.Revision.Position, second.Revision.Note, second.Revision.Size})
	w.Must(ann, update(id, "three"), nil)
	w.Must(ann, &document.Restore{ID: id, Version: 1}, nil)
	w.Must(ann, &document.Delete{ID: id}, nil)
	w.Must(ann, &document.Undelete{ID: id}, nil)
	later := show(w, bob, &document.Show{ID: id, Version: 2})
	require.Equal(t, []any{second.Content, second.Revision}, []any{later.Content, later.Revision})
}

func TestR53_HistoryIsPagedAndRestoringMakesANewRevision(t *testing.T) {
	w, _, ann, _, _ := world(t)
	id := create(w, ann, "1")
	for i := 2; i <= 5; i++ {
		w.Must(ann, update(id, fmt.Sprint(i)), nil)
	}
	var i document.Item
	w.Must(ann, &document.Restore{ID: id, Version: 2, Note: "back"}, &i)
	require.Equal(t, uint64(6), i.Document.Version)
	require.Equal(t, "2", content(w, ann, id, 6))
	require.Equal(t, "5", content(w, ann, id, 5), "what it replaced is still there")
	var versions []uint64
	for q := (document.History{ID: id, Limit: 4}); ; {
		var page document.Revisions
		w.Told(ann, &q, &page)
		for _, r := range page.Revisions {
			versions = append(versions, r.Version)
			if r.Version == 6 {
				require.Equal(t, []any{uint64(2), "back"}, []any{r.Restored, r.Note})
			}
		}
		if q.Before = page.Next; q.Before == 0 {
			break
		}
	}
	require.Equal(t, []uint64{6, 5, 4, 3, 2, 1}, versions)
	for _, v := range []uint64{0, 7, 1 << 63} {
		w.Refused(ann, &document.Restore{ID: id, Version: v}, state.NotFound, "REVISION_NOT_FOUND")
	}
	w.NotTold(ann, &document.Show{ID: id, Version: 7}, state.NotFound, "REVISION_NOT_FOUND")
}

func TestR54_ADocumentIsShownAsItWasAtAPositionOrATime(t *testing.T) {
	w, _, ann, _, _ := world(t)
	begun := w.At
	id := create(w, ann, "1")
	at := []raft.Position{w.At}
	for i := 1; i <= 20; i++ {
		w.Wait(time.Second)
		w.Must(ann, update(id, fmt.Sprint(i+1)), nil)
		at = append(at, w.At)
	}
	for i, p := range at {
		want := fmt.Sprint(i + 1)
		require.Equal(t, want, string(show(w, ann, &document.Show{ID: id, At: p}).Content))
		require.Equal(t, want, string(show(w, ann, &document.Show{ID: id, Time: raft.Wall(p) * 1000}).Content))
		if i > 0 {
			require.Equal(t, fmt.Sprint(i), string(show(w, ann, &document.Show{ID: id, At: p - 1}).Content))
			require.Equal(t, fmt.Sprint(i), string(show(w, ann, &document.Show{ID: id, Time: raft.Wall(p)*1000 - 1}).Content))
		}
	}
	require.Equal(t, "21", string(show(w, ann, &document.Show{ID: id, At: 1 << 60}).Content))
	w.NotTold(ann, &document.Show{ID: id, At: begun}, state.NotFound, "REVISION_NOT_FOUND")
	w.NotTold(ann, &document.Show{ID: id, At: 5, Version: 1}, state.Invalid, "FIELD_INVALID")

	before := w.At
	require.NoError(t, state.DecodeReply(w.ApplyWall(ann, 5, update(id, "late")), &document.Item{}), "from a server whose clock is behind")
	require.Equal(t, "late", string(show(w, ann, &document.Show{ID: id, Time: raft.Wall(before) * 1000}).Content), "no revision is older than the one before")
}

func TestR55_ADeletedDocumentIsGoneForAllButItsOwnerWhoBringsItBack(t *testing.T) {
	w, root, ann, bob, cid := world(t)
	id := create(w, ann, "one")
	share(w, ann, id, document.Whom{User: "bob"}, state.Editor)
	share(w, ann, id, document.Whom{User: "cid"}, state.Viewer)
	take(w, bob, id)
	w.Must(ann, &lock.Acquire{Name: id, TTL: time.Minute, Wait: time.Minute}, nil)
	from := w.At
	w.Refused(bob, &document.Delete{ID: id}, state.NotPermitted, "NOT_DOCUMENT_OWNER")
	w.Must(ann, &document.Delete{ID: id}, nil)
	w.Must(ann, &document.Delete{ID: id}, nil)
	w.NotTold(bob, &document.Show{ID: id}, state.NotFound, "DOCUMENT_DELETED")
	w.Refused(bob, update(id, "x"), state.NotFound, "DOCUMENT_DELETED")
	w.Refused(ann, update(id, "x"), state.NotFound, "DOCUMENT_DELETED")
	w.Refused(ann, &lock.Acquire{Name: id, TTL: time.Minute}, state.NotFound, "DOCUMENT_DELETED")
	require.Equal(t, "one", content(w, ann, id, 0), "its owner sees what he would bring back")
	var page document.Page
	w.Told(bob, &document.List{}, &page)
	require.Empty(t, page.Documents)
	w.Told(bob, &document.List{Deleted: true}, &page)
	require.Empty(t, page.Documents)
	w.Told(ann, &document.List{Deleted: true}, &page)
	require.Len(t, page.Documents, 1)
	require.Zero(t, w.M.Len(state.TableHolds), "nobody holds its lock, and nobody waits for it")
	require.Zero(t, w.M.Len(state.TableWaits))
	w.Must(root, &document.Undelete{ID: id}, nil)
	require.Equal(t, "one", content(w, bob, id, 0))
	var kinds []state.EventKind
	for _, e := range w.Seen(cid, from) {
		kinds = append(kinds, e.Kind)
	}
	require.Equal(t, []state.EventKind{state.EventDocDeleted, state.EventLockBroken, state.EventDocUndeleted}, kinds)
	records := w.Audited()
	require.Equal(t, []string{"document.delete " + id, "document.undelete " + id + ": (as an admin of the cluster)"}, records[len(records)-2:])
}

func TestR56_AnAccessListGivesRolesToUsersChannelsAndAll(t *testing.T) {
	w, _, ann, bob, cid := world(t)
	id := create(w, ann, "one")
	for _, a := range []teamtest.Actor{bob, cid} {
		w.NotTold(a, &document.Show{ID: id}, state.NotFound, "DOCUMENT_NOT_FOUND")
	}
	share(w, ann, id, document.Whom{User: "@Bob"}, state.Viewer)
	w.Refused(bob, update(id, "x"), state.NotPermitted, "NOT_DOCUMENT_EDITOR")
	share(w, ann, id, document.Whom{User: "bob"}, state.Editor)
	w.Must(bob, update(id, "x"), nil)
	w.Must(ann, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinInvite}, nil)
	share(w, ann, id, document.Whom{Channel: "#den"}, state.Editor)
	w.NotTold(cid, &document.Show{ID: id}, state.NotFound, "DOCUMENT_NOT_FOUND")
	w.Must(ann, &chat.AddMember{Of: chat.Of{Place: "#den", User: "cid"}}, nil)
	w.Must(cid, update(id, "y"), nil)
	w.Must(ann, &chat.RemoveMember{Of: chat.Of{Place: "#den", User: "cid"}}, nil)
	w.Refused(cid, update(id, "z"), state.NotFound, "DOCUMENT_NOT_FOUND")
	share(w, ann, id, document.Whom{All: true}, state.Viewer)
	require.Equal(t, "y", content(w, cid, id, 0))

	var list document.Grants
	w.Told(ann, &document.AccessList{ID: id}, &list)
	var lines []string
	for _, g := range list.Grants {
		lines = append(lines, g.Called+" "+g.Role.String())
	}
	require.Equal(t, []string{"ann owner", "bob editor", "#den editor", " viewer"}, lines)
	w.NotTold(bob, &document.AccessList{ID: id}, state.NotPermitted, "NOT_DOCUMENT_OWNER")

	from := w.At
	w.Must(ann, &document.Unshare{ID: id, With: document.Whom{All: true}}, nil)
	w.Must(ann, &document.Unshare{ID: id, With: document.Whom{User: "bob"}}, nil)
	seen := w.Seen(bob, from)
	require.Equal(t, []any{1, state.EventDocUnshared, "", "bob"}, []any{len(seen), seen[0].Kind, seen[0].Title, seen[0].OtherName}, "he is told, and no more")
	w.Refused(ann, &document.Unshare{ID: id, With: document.Whom{User: "bob"}}, state.NotFound, "GRANT_NOT_FOUND")
	w.Refused(ann, &document.Unshare{ID: id, With: document.Whom{User: "ann"}}, state.Precondition, "LAST_OWNER")
	w.Refused(ann, &document.Share{ID: id, With: document.Whom{User: "ann"}, Role: state.Editor}, state.Precondition, "LAST_OWNER")
	share(w, ann, id, document.Whom{User: "cid"}, state.Owner)
	w.Must(cid, &document.Unshare{ID: id, With: document.Whom{User: "ann"}}, nil)
	w.Must(cid, &document.Unshare{ID: id, With: document.Whom{Channel: "chan_" + strings.TrimPrefix(list.Grants[2].ID, "chan_")}}, nil)

	for _, c := range []document.Share{{ID: id, Role: state.Viewer}, {ID: id, Role: state.Viewer, With: document.Whom{User: "bob", All: true}}} {
		require.Equal(t, "with", w.Refused(cid, &c, state.Invalid, "FIELD_INVALID").Field)
	}
	for _, c := range []document.Share{{ID: id, With: document.Whom{User: "bob"}}, {ID: id, With: document.Whom{User: "bob"}, Role: 4}, {ID: id, With: document.Whom{All: true}, Role: state.Owner}} {
		require.Equal(t, "role", w.Refused(cid, &c, state.Invalid, "ROLE_INVALID").Field)
	}
	w.Refused(cid, &document.Share{ID: id, With: document.Whom{Channel: "#den"}, Role: state.Viewer}, state.NotFound, "CHANNEL_NOT_FOUND")
	w.Refused(cid, &document.Share{ID: id, With: document.Whom{User: "nobody"}, Role: state.Viewer}, state.NotFound, "USER_NOT_FOUND")
	w.Must(cid, &chat.Send{Place: "@bob", Text: "hi"}, nil)
	w.Refused(cid, &document.Share{ID: id, With: document.Whom{Channel: "@bob"}, Role: state.Viewer}, state.Invalid, "FIELD_INVALID")
}

func TestR56_AnAdminOfTheClusterWhoPutsHimselfOnAnAccessListIsSeenThere(t *testing.T) {
	w, root, ann, _, _ := world(t)
	id := create(w, ann, "one")
	w.NotTold(root, &document.Show{ID: id}, state.NotFound, "DOCUMENT_NOT_FOUND")
	var i document.Item
	w.Must(root, &document.Inspect{ID: id}, &i)
	require.Equal(t, []any{"Plan", state.Role(0)}, []any{i.Document.Title, i.Role})
	var page document.Page
	w.Must(root, &document.InspectAll{}, &page)
	require.Len(t, page.Documents, 1)
	w.Refused(ann, &document.InspectAll{}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	from := w.At
	share(w, root, id, document.Whom{User: "root"}, state.Viewer)
	seen := w.Seen(ann, from)
	require.Equal(t, []any{1, state.EventDocShared, "root", "root", "viewer"}, []any{len(seen), seen[0].Kind, seen[0].UserName, seen[0].OtherName, seen[0].Text})
	records := w.Audited()
	require.Equal(t, "document.share "+id+": "+root.ID.String()+" viewer (as an admin of the cluster)", records[len(records)-1])
	require.Equal(t, "one", content(w, root, id, 0))
}

// An admin of the cluster who may read a document asks who else may: he is told what he lacks, as any other reader is, and not
// that there is no such document.
func TestR56_AnAdminOfTheClusterIsToldWhatHisRoleLacksAndNotThatThereIsNoDocument(t *testing.T) {
	w, root, ann, bob, _ := world(t)
	id := create(w, ann, "one")
	w.NotTold(root, &document.AccessList{ID: id}, state.NotFound, "DOCUMENT_NOT_FOUND")
	for _, r := range []state.Role{state.Viewer, state.Editor} {
		share(w, ann, id, document.Whom{User: "root"}, r)
		share(w, ann, id, document.Whom{User: "bob"}, r)
		w.NotTold(bob, &document.AccessList{ID: id}, state.NotPermitted, "NOT_DOCUMENT_OWNER")
		w.NotTold(root, &document.AccessList{ID: id}, state.NotPermitted, "NOT_DOCUMENT_OWNER")
	}
	share(w, ann, id, document.Whom{User: "root"}, state.Owner)
	w.Told(root, &document.AccessList{ID: id}, new(document.Grants))
}

func TestR57_WhatHappensToADocumentReachesWhoeverMayReadIt(t *testing.T) {
	w, _, ann, bob, cid := world(t)
	from := w.At
	id := create(w, ann, "one")
	share(w, ann, id, document.Whom{User: "bob"}, state.Viewer)
	w.Must(ann, update(id, "two"), nil)
	w.Must(ann, &document.Restore{ID: id, Version: 1}, nil)
	title := "Another plan"
	w.Must(ann, &document.Configure{ID: id, Title: &title}, nil)
	w.Must(ann, &document.Configure{ID: id, Title: &title}, nil)
	w.Must(ann, &document.Delete{ID: id}, nil)
	var got []string
	for _, e := range w.Seen(bob, from) {
		require.Equal(t, []any{id, title, "ann"}, []any{e.Doc.String(), e.Title, e.UserName}, "as it is called now")
		got = append(got, fmt.Sprint(e.Kind, " ", e.Version))
	}
	require.Equal(t, []string{"50 1", "55 1", "51 2", "52 3", "57 3", "53 3"}, got)
	require.Empty(t, w.Seen(cid, from))
}

func TestR60_AStaleFenceIsRefusedWhoeverBelievesToHoldTheLock(t *testing.T) {
	w, _, ann, bob, _ := world(t)
	id := create(w, ann, "one")
	share(w, ann, id, document.Whom{User: "bob"}, state.Editor)
	stale := take(w, ann, id)
	w.Wait(30 * time.Second)
	u := update(id, "ann's")
	u.Fence = stale
	w.Refused(ann, u, state.Conflict, "STALE_FENCE")
	fence := take(w, bob, id)
	w.Refused(ann, u, state.Conflict, "STALE_FENCE")
	theirs := update(id, "bob's")
	theirs.Fence = fence
	w.Must(bob, theirs, nil)
	require.Equal(t, fence, show(w, bob, &document.Show{ID: id}).Revision.Fence)
	w.Refused(ann, u, state.Conflict, "STALE_FENCE")
	w.Refused(ann, &document.Restore{ID: id, Version: 1, Fence: stale}, state.Conflict, "STALE_FENCE")
	theirs.Fence = fence
	w.Refused(ann, theirs, state.Conflict, "STALE_FENCE") // somebody else's live fence is nobody's but his
	theirs.Fence = fence + 1000
	w.Refused(bob, theirs, state.Conflict, "STALE_FENCE")
	require.Equal(t, "bob's", content(w, ann, id, 0))
}

func TestR61_TheLockIsRequiredOrAdvisoryAndNobodyWritesWhileAnotherHoldsIt(t *testing.T) {
	w, _, ann, bob, _ := world(t)
	var made document.Item
	w.Must(ann, &document.Create{Title: "Plan"}, &made)
	id := made.Document.ID.String()
	share(w, ann, id, document.Whom{User: "bob"}, state.Editor)
	w.Refused(ann, update(id, "x"), state.Conflict, "LOCK_REQUIRED")
	fence := take(w, ann, id)
	w.Must(ann, update(id, "without saying the fence"), nil)
	require.Equal(t, fence, show(w, ann, &document.Show{ID: id}).Revision.Fence)
	require.Contains(t, w.Refused(bob, update(id, "x"), state.Conflict, "LOCK_HELD").Text, "held by ann")
	require.Contains(t, w.Refused(w.Again(ann), update(id, "x"), state.Conflict, "LOCK_HELD").Text, "held by ann")
	mode := state.LockAdvisory
	w.Refused(bob, &document.Configure{ID: id, Mode: &mode}, state.NotPermitted, "NOT_DOCUMENT_OWNER")
	w.Must(ann, &document.Configure{ID: id, Mode: &mode}, nil)
	w.Refused(bob, update(id, "x"), state.Conflict, "LOCK_HELD")
	w.Must(ann, &lock.Release{Name: id, Fence: fence}, nil)
	w.Must(bob, update(id, "anybody's"), nil)
	w.Refused(w.User("dan"), &lock.Acquire{Name: id, TTL: time.Minute}, state.NotFound, "DOCUMENT_NOT_FOUND")
}

func TestR64_AnOwnerBreaksTheLockOfHisDocument(t *testing.T) {
	w, root, ann, bob, cid := world(t)
	id := create(w, ann, "one")
	share(w, ann, id, document.Whom{User: "bob"}, state.Editor)
	share(w, ann, id, document.Whom{User: "cid"}, state.Editor)
	fence := take(w, bob, id)
	w.Refused(cid, &lock.Break{Name: id}, state.NotPermitted, "NOT_DOCUMENT_OWNER")
	w.Must(w.Again(bob), &lock.Break{Name: id, Fence: fence}, nil)
	take(w, bob, id)
	w.Must(ann, &lock.Break{Name: id}, nil)
	take(w, bob, id)
	w.NotTold(root, &lock.Get{Name: id}, state.NotFound, "DOCUMENT_NOT_FOUND")
	w.Must(root, &lock.Break{Name: id}, nil)
	u := update(id, "bob's")
	u.Fence = fence
	w.Refused(bob, u, state.Conflict, "STALE_FENCE")
}

// Whom a right is taken from stands in line for nothing, and keeps what he holds no longer than its time.
func TestR61_WhoMayWriteNoMoreIsPassedOverInTheLine(t *testing.T) {
	w, _, ann, bob, cid := world(t)
	id := create(w, ann, "one")
	for _, name := range []string{"bob", "cid"} {
		share(w, ann, id, document.Whom{User: name}, state.Editor)
	}
	fence := take(w, bob, id)
	for _, a := range []teamtest.Actor{cid, ann} {
		w.Must(a, &lock.Acquire{Name: id, TTL: time.Minute, Wait: time.Minute}, nil)
	}
	for _, name := range []string{"bob", "cid"} {
		w.Must(ann, &document.Unshare{ID: id, With: document.Whom{User: name}}, nil)
	}
	w.Refused(bob, &lock.Renew{Name: id, Fence: fence}, state.NotFound, "DOCUMENT_NOT_FOUND")
	w.Must(bob, &lock.Release{Name: id, Fence: fence}, nil)
	w.Refused(bob, &lock.Release{Name: id, Fence: fence}, state.NotFound, "DOCUMENT_NOT_FOUND")
	var got lock.Answer
	w.Told(ann, &lock.Get{Name: id}, &got)
	require.True(t, got.Granted)
}
