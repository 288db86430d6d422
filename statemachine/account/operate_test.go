package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// At stake: somebody who has something to hide takes a line out of the book.
func TestR93_EveryRecordCarriesTheHashOfTheOneBeforeAndTheOldestGo(t *testing.T) {
	l := state.DefaultLimits()
	l.AuditMax = 20
	w := newLimited(t, l)
	w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: state.SignUpOpen, Offer: digest("token")}, nil)
	ann := w.member("ann")
	w.must(ann, &account.ClaimAdmin{Hash: digest("token")}, nil)
	for range 15 {
		w.must(ann, &account.Operate{Deed: account.DeedTransfer, Object: "node 2"}, nil)
		w.must(ann, &account.Operate{Deed: account.DeedRemove, Object: "node 3", Detail: "it burnt"}, nil)
	}
	require.Equal(t, l.AuditMax, w.m.Len(state.TableAudit))
	var all []account.AuditEntry
	for q := (account.Audit{Limit: 7}); ; {
		var page account.AuditPage
		w.told(ann, &q, &page)
		all = append(all, page.Records...)
		if !page.More {
			break
		}
		last := page.Records[len(page.Records)-1]
		q.Position, q.Number = last.Position, last.Number+1
	}
	require.Len(t, all, l.AuditMax)
	for i := 1; i < len(all); i++ {
		require.Equal(t, all[i-1].Hash(), all[i].Before)
		require.Equal(t, "ann", all[i].ActorName)
	}
	changed := all[3].AuditRecord
	changed.Object = "node 4"
	require.NotEqual(t, changed.Hash(), all[4].Before)
	var page account.AuditPage
	w.told(ann, &account.Audit{Position: all[10].Position}, &page)
	require.Equal(t, all[10:], page.Records, "an export goes on where the last one ended")
}

func TestR93_DeedsOfAdminsAndWhatOthersWereRefusedAreWrittenDown(t *testing.T) {
	w, ann, bob, _ := openWorld(t)
	written := func() state.AuditRecord {
		var last state.AuditRecord
		w.m.AuditFrom(0, 0, func(a *state.AuditRecord) bool {
			last = *a
			return true
		})
		return last
	}
	for deed, action := range map[account.Deed]string{account.DeedTransfer: "cluster.transfer", account.DeedAdd: "cluster.add",
		account.DeedReplace: "cluster.replace", account.DeedRemove: "cluster.remove", account.DeedBackup: "cluster.backup", account.DeedExport: "audit.export"} {
		w.must(ann, &account.Operate{Deed: deed, Object: "node 4", Detail: "peers a:1"}, nil)
		r := written()
		require.Equal(t, []any{action, "node 4", "peers a:1", ann.id, ann.login}, []any{r.Action, r.Object, r.Detail, r.Actor, r.Login})
		w.refused(bob, &account.Operate{Deed: deed, Object: "node 4"}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	}
	w.refused(ann, &account.Operate{Deed: 77}, state.Invalid, "FIELD_INVALID")
	w.refused(ann, &account.Operate{Deed: account.DeedAdd, Object: "two\nlines"}, state.Invalid, "CONTROL_CHARACTER")
	w.refused(ann, &account.Operate{Deed: account.DeedAdd, Detail: strings.Repeat("x", 701)}, state.Invalid, "TOO_LONG")

	w.must(nobody, &account.Denied{User: bob.id, Login: bob.login, Method: "RotateKey", Reason: "NOT_CLUSTER_ADMIN", Dropped: 3}, nil)
	r := written()
	require.Equal(t, []any{"denied", "RotateKey", "NOT_CLUSTER_ADMIN; 3 more before it", bob.id}, []any{r.Action, r.Object, r.Detail, r.Actor})
	w.refused(nobody, &account.Denied{User: 99999}, state.NotFound, "USER_NOT_FOUND")

	w.must(nobody, &account.LogInFailed{Name: "BOB", Address: "10.0.0.7"}, nil)
	r = written()
	require.Equal(t, []any{"login.failed", bob.id.String(), "10.0.0.7", state.UserID(0)}, []any{r.Action, r.Object, r.Detail, r.Actor})
	w.must(nobody, &account.LogInFailed{Name: "hunter2hunter2", Address: "10.0.0.7"}, nil)
	require.Empty(t, written().Object, "what may be a password in the wrong field is not written down")
}

// What a log says of a key that was rotated stays provable: the chain has no gap at the positions of other commands.
func TestR93_TheChainGoesOnOverCommandsThatAreNotAudited(t *testing.T) {
	w, ann, bob, _ := openWorld(t)
	w.must(ann, &account.RotateKey{Key: key(7), Keep: time.Hour}, nil)
	w.must(bob, &account.RenewLogin{}, nil)
	w.must(ann, &account.SetSignUpMode{Mode: state.SignUpClosed}, nil)
	var before [32]byte
	var last raft.Position
	w.m.AuditFrom(0, 0, func(a *state.AuditRecord) bool {
		require.Equal(t, before, a.Before, "%s at %d", a.Action, a.Position)
		require.GreaterOrEqual(t, a.Position, last)
		before, last = a.Hash(), a.Position
		return true
	})
	require.NotZero(t, last)
}
