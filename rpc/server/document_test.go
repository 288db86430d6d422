package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/rpc/client"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/state"
)

// newDocument makes a document of a user's, which another may write.
func (u *user) newDocument(content, editor string) string {
	u.c.t.Helper()
	made, err := u.document().CreateDocument(u.ctx(), &pb.CreateDocumentRequest{Command: once(), Title: "Plan", Content: []byte(content), LockMode: pb.LockMode_LOCK_MODE_ADVISORY})
	require.NoError(u.c.t, err)
	id := made.GetDocument().GetId()
	_, err = u.document().ShareDocument(u.ctx(), &pb.ShareDocumentRequest{Command: once(), DocumentId: id,
		With: &pb.Grantee{With: &pb.Grantee_User{User: editor}}, Role: pb.DocumentRole_DOCUMENT_ROLE_EDITOR})
	require.NoError(u.c.t, err)
	return id
}

// acquire takes a lock, or a place in line.
func (u *user) acquire(name string, ttl, wait time.Duration) *pb.AcquireLockResponse {
	u.c.t.Helper()
	r, err := u.lock().AcquireLock(u.ctx(), &pb.AcquireLockRequest{Command: once(), Name: name, TtlMs: uint64(ttl.Milliseconds()), WaitMs: uint64(wait.Milliseconds())})
	require.NoError(u.c.t, err)
	return r
}

// changes puts what a stream says of documents and locks in a few words.
func changes(frames []*pb.Frame) (all []string) {
	for _, f := range frames {
		for _, e := range f.GetEvents() {
			if d := e.GetDocument(); d != nil {
				all = append(all, fmt.Sprintf("%s %s %d by %s", d.GetChange(), d.GetTitle(), d.GetVersion(), d.GetUsername()))
			}
			if l := e.GetLock(); l != nil {
				all = append(all, fmt.Sprintf("%s %s of %s", l.GetChange(), l.GetName(), l.GetUsername()))
			}
		}
	}
	return all
}

func TestR57_StreamsShowWhatHappensToADocumentToWhoMayReadIt(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob, cid := c.signUp("ann"), c.signUp("bob"), c.signUp("cid")
	id := ann.newDocument("one", "bob")
	his, others := bob.watch(&pb.WatchRequest{Topics: []pb.Topic{pb.Topic_TOPIC_DOCUMENTS, pb.Topic_TOPIC_LOCKS}}), cid.watch(&pb.WatchRequest{})
	_, err := bob.document().UpdateDocument(bob.ctx(), &pb.UpdateDocumentRequest{Command: once(), DocumentId: id, Content: []byte("two")})
	require.NoError(t, err)
	_, err = ann.document().RestoreDocument(ann.ctx(), &pb.RestoreDocumentRequest{Command: once(), DocumentId: id, Version: 1})
	require.NoError(t, err)
	ann.acquire(id, time.Minute, 0)
	last, err := ann.document().DeleteDocument(ann.ctx(), &pb.DeleteDocumentRequest{Command: once(), DocumentId: id})
	require.NoError(t, err)
	his.until(last.GetPosition())
	require.Equal(t, []string{"CHANGE_UPDATED Plan 2 by bob", "CHANGE_RESTORED Plan 3 by ann", "CHANGE_LOCKED " + id + " of ann",
		"CHANGE_DELETED Plan 3 by ann", "CHANGE_BROKEN " + id + " of ann"}, changes(his.frames))
	others.until(last.GetPosition())
	require.Empty(t, changes(others.frames))
}

func TestR62_ALockEndsWithItsTimeAndTheNextInLineHasItAtOnce(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	stream := bob.watch(&pb.WatchRequest{Topics: []pb.Topic{pb.Topic_TOPIC_LOCKS}})
	first := ann.acquire("deploy", time.Second, 0)
	require.True(t, first.GetGranted())
	waits := bob.acquire("deploy", time.Minute, time.Minute)
	require.False(t, waits.GetGranted())
	require.Equal(t, "ann", waits.GetLock().GetHolder())
	var got *pb.GetLockResponse
	for got == nil || got.GetTicket() != 0 { // a second each at most
		var err error
		got, err = bob.lock().GetLock(bob.ctx(), &pb.GetLockRequest{Name: "deploy", Ticket: waits.GetTicket(), WaitMs: 1000})
		require.NoError(t, err)
	}
	require.True(t, got.GetGranted())
	require.Greater(t, got.GetLock().GetFence(), first.GetLock().GetFence())
	_, err := ann.lock().RenewLock(ann.ctx(), &pb.RenewLockRequest{Command: once(), Name: "deploy", Fence: first.GetLock().GetFence()})
	require.Equal(t, "STALE_FENCE", convert.ParseError(err).Reason)
	stream.until(got.GetLock().GetFence())
	require.Equal(t, []string{"CHANGE_LOCKED deploy of ann", "CHANGE_EXPIRED deploy of ann", "CHANGE_LOCKED deploy of bob"}, changes(stream.frames))
}

// An answer about a place in line comes with the grant, and not when its time is over.
func TestR63_ALogOutGivesTheLockToWhoIsAskingForIt(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	ann.acquire("deploy", time.Hour, 0)
	waits := bob.acquire("deploy", time.Minute, time.Hour)
	var granted bool
	var asking sync.WaitGroup
	asking.Go(func() {
		for !granted {
			got, err := bob.lock().GetLock(bob.ctx(), &pb.GetLockRequest{Name: "deploy", Ticket: waits.GetTicket(), WaitMs: 1000})
			if err != nil || got.GetTicket() == 0 {
				granted = err == nil && got.GetGranted()
				return
			}
		}
	})
	_, err := ann.account().LogOut(ann.ctx(), &pb.LogOutRequest{Command: once()})
	require.NoError(t, err)
	asking.Wait()
	require.True(t, granted)
}

// What a repetition says is the content, not the difference by which it came into the log.
func TestR28_AnUpdateUnderARequestIdIsExecutedOnce(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("ann")
	c.signUp("bob")
	id := ann.newDocument("one", "bob")
	write := func(request, content string) (*pb.UpdateDocumentResponse, error) {
		return ann.document().UpdateDocument(ann.ctx(), &pb.UpdateDocumentRequest{
			Command: &pb.CommandContext{RequestId: request}, DocumentId: id, Content: []byte(content)})
	}
	first, err := write("a", "two")
	require.NoError(t, err)
	_, err = write("b", "three")
	require.NoError(t, err)
	again, err := write("a", "two")
	require.NoError(t, err)
	require.Equal(t, first.GetDocument().GetVersion(), again.GetDocument().GetVersion())
	_, err = write("a", "another")
	require.Equal(t, "REQUEST_CONFLICT", convert.ParseError(err).Reason)
	got, err := ann.document().GetDocument(ann.ctx(), &pb.GetDocumentRequest{DocumentId: id})
	require.NoError(t, err)
	require.Equal(t, []any{"three", uint64(3)}, []any{string(got.GetContent()), got.GetRevision().GetVersion()})
}

// The bound is of the content: whatever stands beside it in the command, the longest title and note too, fits as well.
func TestR51_ADocumentOfExactlyTheBoundIsMadeAndWritten(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, limits := c.signUp("ann"), state.DefaultLimits()
	content := []byte(strings.Repeat("x", limits.DocumentBytesMax))
	made, err := ann.document().CreateDocument(ann.ctx(), &pb.CreateDocumentRequest{
		Command: &pb.CommandContext{RequestId: strings.Repeat("r", client.RequestIDBytesMax)}, Title: strings.Repeat("t", limits.TitleBytesMax),
		Content: content, LockMode: pb.LockMode_LOCK_MODE_ADVISORY})
	require.NoError(t, err)
	content[0] = 'y'
	_, err = ann.document().UpdateDocument(ann.ctx(), &pb.UpdateDocumentRequest{
		Command: &pb.CommandContext{RequestId: strings.Repeat("u", client.RequestIDBytesMax)}, DocumentId: made.GetDocument().GetId(),
		Content: content, Note: strings.Repeat("n", limits.NoteBytesMax)})
	require.NoError(t, err)
	got, err := ann.document().GetDocument(ann.ctx(), &pb.GetDocumentRequest{DocumentId: made.GetDocument().GetId()})
	require.NoError(t, err)
	require.Equal(t, content, got.GetContent())
	_, err = ann.document().CreateDocument(ann.ctx(), &pb.CreateDocumentRequest{Command: once(), Title: "t", Content: append(content, 'x')})
	require.Equal(t, "DOCUMENT_TOO_LARGE", convert.ParseError(err).Reason)
}
