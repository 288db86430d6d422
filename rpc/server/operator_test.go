package server

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/raft/backup"
	"parley/raft/blob"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

func (u *user) operator() pb.OperatorServiceClient { return pb.NewOperatorServiceClient(u.conn()) }

func (u *user) cluster() pb.ClusterServiceClient { return pb.NewClusterServiceClient(u.conn()) }

// who says whether the user's token is taken.
func (u *user) who() error {
	_, err := u.account().WhoAmI(u.ctx(), &pb.WhoAmIRequest{})
	return err
}

// backUp streams a backup without the contents that somebody has.
func (u *user) backUp(have ...[]byte) ([]byte, error) {
	s, err := u.operator().Backup(u.ctx(), &pb.BackupRequest{Have: have})
	var all []byte
	for err == nil {
		var r *pb.BackupResponse
		if r, err = s.Recv(); err == nil {
			all = append(all, r.GetChunk()...)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return all, err
}

// audited returns the whole audit log, as "actor action object detail".
func (u *user) audited() (all []string) {
	for r := (&pb.ListAuditRequest{Limit: 3}); ; {
		page, err := u.operator().ListAudit(u.ctx(), r)
		require.NoError(u.c.t, err)
		for _, a := range page.GetRecords() {
			all = append(all, strings.Join([]string{a.GetActorName(), a.GetAction(), a.GetObject(), a.GetDetail()}, " "))
		}
		if r = (&pb.ListAuditRequest{Limit: 3, Cursor: page.GetNextCursor()}); r.GetCursor() == "" {
			return all
		}
	}
}

// What is under way while the files go out is in the backup as well, up to the state's own position.
func TestABackupHoldsTheStateAndEveryFileThatItNames(t *testing.T) {
	c := startCluster(t, 1, governed())
	root, ann := c.admin("root"), c.signUp("ann")
	want := map[blob.Sum]string{}
	for _, content := range []string{"one", "two", strings.Repeat("long ", 100_000)} {
		ann.upload("general", "a.txt", content)
		want[blob.SumOf([]byte(content))] = content
	}
	_, err := ann.backUp()
	f := convert.ParseError(err)
	require.Equal(t, codes.PermissionDenied, f.Status)
	require.Equal(t, "NOT_CLUSTER_ADMIN", f.Reason)

	p, err := root.backUp()
	require.NoError(t, err)
	r, err := backup.NewReader(bytes.NewReader(p))
	require.NoError(t, err)
	require.Equal(t, c.hosts[0].Status().Cluster, r.Header().Cluster)
	states := 0
	for {
		item, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		if item.State {
			states++
			require.NotEmpty(t, content)
			continue
		}
		require.Equal(t, want[item.Sum], string(content))
		delete(want, item.Sum)
	}
	require.Equal(t, 1, states)
	require.Empty(t, want)
	require.LessOrEqual(t, uint64(r.End().Position), uint64(c.hosts[0].Status().Applied))
	require.Contains(t, root.audited(), "root cluster.backup  ")
}

// At stake: what an admin did, and what others tried, that nobody can find out later.
func TestR93_WhatWasDoneAndWhatWasRefusedStandsInTheAuditLog(t *testing.T) {
	c := startCluster(t, 1, governed())
	root, ann := c.admin("root"), c.signUp("ann")
	_, err := ann.operator().ListAudit(ann.ctx(), &pb.ListAuditRequest{})
	require.Equal(t, codes.PermissionDenied, convert.ParseError(err).Status)
	_, err = ann.cluster().Remove(ann.ctx(), &pb.RemoveRequest{Id: 1})
	require.Equal(t, codes.PermissionDenied, convert.ParseError(err).Status)
	_, err = root.cluster().Remove(root.ctx(), &pb.RemoveRequest{Id: 9})
	require.Equal(t, "NO_MEMBER", convert.ParseError(err).Reason)
	_, err = root.cluster().Add(root.ctx(), &pb.AddRequest{Id: 1, PeerAddress: "a:1", ClientAddress: "b:2", Replaces: 7})
	require.Error(t, err)
	_, err = ann.tryLogIn("not hers")
	require.Equal(t, "CREDENTIALS_WRONG", convert.ParseError(err).Reason)
	all := strings.Join(root.audited(), "\n")
	for _, line := range []string{"ann denied ListAudit NOT_CLUSTER_ADMIN", "ann denied Remove NOT_CLUSTER_ADMIN", "root cluster.remove node 9",
		"root cluster.replace node 7 by node 1 peers a:1, clients b:2", "root audit.export", " login.failed user_"} {
		require.Contains(t, all, line)
	}
	require.NotContains(t, all, "not hers")

	// Whoever fills the log with his denials fills it slowly, and the log says how many there were.
	for range 3 * deniedBurst {
		_, err = ann.operator().RotateKey(ann.ctx(), &pb.RotateKeyRequest{Command: once()})
		require.Error(t, err)
	}
	denied := 0
	for _, line := range root.audited() {
		if strings.HasPrefix(line, "ann denied") {
			denied++
		}
	}
	require.LessOrEqual(t, denied, deniedBurst+1)
}

// A token that was signed before is good until it expires, unless the key is in the wrong hands; no node waits for that.
func TestR6_KeysAreRotatedAndOlderTokensLiveOnUnlessTheyAreToEnd(t *testing.T) {
	c := startCluster(t, 3, governed())
	root, ann := c.admin("root"), c.signUp("ann")
	_, err := root.operator().RotateKey(root.ctx(), &pb.RotateKeyRequest{Command: once()})
	require.NoError(t, err)
	require.NoError(t, ann.who())
	later := ann.logIn(testPassword)
	require.NoError(t, later.who(), "signed with the new key")

	command := once()
	first, err := root.operator().RotateKey(root.ctx(), &pb.RotateKeyRequest{Command: command, Now: true})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return convert.ParseError(later.who()).Reason == "TOKEN_INVALID" }, 30*time.Second, 20*time.Millisecond,
		"everybody logs in anew")
	root = root.logIn(testPassword)
	again, err := root.operator().RotateKey(root.ctx(), &pb.RotateKeyRequest{Command: command, Now: true})
	require.NoError(t, err)
	require.Equal(t, first.GetPosition(), again.GetPosition(), "a repetition draws another key and is the same command")
	require.NoError(t, root.who())
}

func TestR95_AnAdminSaysForHowLongThingsAreKeptAndEverybodyMayKnow(t *testing.T) {
	c := startCluster(t, 1, governed())
	root, ann := c.admin("root"), c.signUp("ann")
	seconds := func(n uint64) *uint64 { return &n }
	kept, err := root.operator().SetRetention(root.ctx(), &pb.SetRetentionRequest{Command: once(), Messages: seconds(7200)})
	require.NoError(t, err)
	require.Equal(t, []uint64{7200, 0, 0}, []uint64{kept.GetRetention().GetMessages(), kept.GetRetention().GetFiles(), kept.GetRetention().GetEvents()})
	_, err = root.operator().SetRetention(root.ctx(), &pb.SetRetentionRequest{Command: once(), Events: seconds(60)})
	require.NoError(t, err)
	got, err := ann.operator().GetRetention(ann.ctx(), &pb.GetRetentionRequest{})
	require.NoError(t, err)
	require.Equal(t, []uint64{7200, 0, 60}, []uint64{got.GetRetention().GetMessages(), got.GetRetention().GetFiles(), got.GetRetention().GetEvents()})
	require.Contains(t, strings.Join(root.audited(), "\n"), "root retention.set  messages for 2h0m0s")
}

// There is nothing to wait for, and the leader does not stop for it.
func TestLeadershipIsNotHandedToANodeThatIsNone(t *testing.T) {
	c := startCluster(t, 1, governed())
	root := c.admin("root")
	_, err := root.cluster().Transfer(root.ctx(), &pb.TransferRequest{To: 9})
	refused(t, err, codes.NotFound, "NO_MEMBER")
}

// What a client has is left out, so that a backup that was broken off need not begin anew.
func TestABackupLeavesOutWhatTheClientHas(t *testing.T) {
	c := startCluster(t, 1, governed())
	root := c.admin("root")
	one, two := "what there is", "what is new"
	root.upload("general", "one.txt", one)
	root.upload("general", "two.txt", two)
	has := blob.SumOf([]byte(one))
	p, err := root.backUp(has[:])
	require.NoError(t, err)
	r, err := backup.NewReader(bytes.NewReader(p))
	require.NoError(t, err)
	var sums []blob.Sum
	for {
		item, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if !item.State {
			sums = append(sums, item.Sum)
		}
	}
	require.Equal(t, []blob.Sum{blob.SumOf([]byte(two))}, sums)

	for _, have := range [][][]byte{{has[:31]}, make([][]byte, haveMax+1)} {
		_, err = root.backUp(have...)
		require.Equal(t, "FIELD_INVALID", convert.ParseError(err).Reason)
	}
}
