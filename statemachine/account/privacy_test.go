package account_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// What proves who somebody is must not come out by any question that a caller can ask, an admin's among them.
func TestNoAnswerToACallerHoldsWhatProvesSomething(t *testing.T) {
	w, ann, bob, _ := openWorld(t)
	w.must(ann, &account.CreateReset{User: "cid", Hash: digest("reset")}, nil)
	w.must(ann, &account.CreateInvite{Hash: digest("invite")}, nil)
	bobs, _ := w.m.State.Login(bob.login)
	cids, _ := w.m.Credential(w.user("cid").ID)
	secrets := map[string][]byte{
		"the hash of a password":    hash("of bob"),
		"a key":                     key(1),
		"the proof of a login":      bobs.Secret[:len(state.Proof{})],
		"the hash of a reset":       cids.ResetHash[:],
		"the hash of an invitation": sliceOf(digest("invite")),
	}
	for _, a := range []actor{ann, bob} {
		for _, q := range []state.Query{&account.WhoAmI{}, &account.Logins{}, &account.Logins{User: "bob"}, &account.Users{}, &account.UserOf{Name: "bob"},
			&account.Audit{}, &presence.Who{All: true}} {
			answer := w.m.Query(statemachine.AppendQuery(nil, a.head, q))
			for what, secret := range secrets {
				require.False(t, bytes.Contains(answer, secret), "%T tells %s", q, what)
			}
		}
	}
	require.True(t, bytes.Contains(w.m.Query(statemachine.AppendQuery(nil, state.Head{}, &account.CredentialsOf{Name: "bob"})), hash("of bob")),
		"the test sees it where it is")
}

func sliceOf(d [32]byte) []byte { return d[:] }

func TestAddressesAreForTheirUserAndForAdminsOfTheCluster(t *testing.T) {
	w, ann, bob, _ := openWorld(t)
	addresses := func(a actor) (all []string) {
		var l account.UserList
		w.told(a, &account.Users{}, &l)
		for _, u := range l.Users {
			all = append(all, u.Name+"="+u.Email)
		}
		return all
	}
	require.Equal(t, []string{"ann=", "bob=bob@example.org", "cid="}, addresses(bob))
	require.Equal(t, []string{"ann=ann@example.org", "bob=bob@example.org", "cid=cid@example.org"}, addresses(ann))
	var p account.Person
	w.told(bob, &account.UserOf{Name: "ANN"}, &p)
	require.Empty(t, p.Email)
	w.told(ann, &account.UserOf{Name: "bob"}, &p)
	require.Equal(t, "bob@example.org", p.Email)
	require.Equal(t, "USER_NOT_FOUND", w.ask(bob, &account.UserOf{Name: "zed"}, nil).Reason)
	require.NotContains(t, string(w.m.Query(statemachine.AppendQuery(nil, ann.head, &presence.Who{All: true}))), "example.org",
		"presence has no addresses, whoever asks")

	var me account.Me
	w.told(bob, &account.WhoAmI{}, &me)
	require.Equal(t, "bob@example.org", me.Person.Email)
	require.Equal(t, bob.login, me.Login.ID)
	require.Zero(t, me.SignUp)
	w.told(ann, &account.WhoAmI{}, &me)
	require.Equal(t, state.SignUpOpen, me.SignUp)
}

func TestUsersArePagedInTheOrderOfTheirNamesWithoutGapAndOverlap(t *testing.T) {
	w, ann, _, _ := openWorld(t)
	for _, name := range strings.Fields("Zed dora Emil fred GUS") {
		w.must(nobody, signUp(name), nil)
	}
	want := strings.Fields("ann bob cid dora Emil fred GUS Zed")
	for limit := uint64(1); limit <= 9; limit++ {
		var names []string
		for cursor, pages := "", 0; ; pages++ {
			var l account.UserList
			w.told(ann, &account.Users{Cursor: cursor, Limit: limit}, &l)
			require.Equal(t, uint64(8), l.Total)
			require.LessOrEqual(t, len(l.Users), int(limit))
			for _, u := range l.Users {
				names = append(names, u.Name)
			}
			if cursor = l.Next; cursor == "" {
				break
			}
			require.Less(t, pages, 8)
		}
		require.Equal(t, want, names)
	}
	var l account.UserList
	w.told(ann, &account.Users{Cursor: "CIE"}, &l) // a cursor need not be a name that is
	require.Equal(t, "dora", l.Users[0].Name)
	w.told(ann, &account.Users{Cursor: "\xff\xff"}, &l)
}

func TestWhatIsAuditedIsAChainThatAdminsOfTheClusterRead(t *testing.T) {
	w, ann, bob, _ := openWorld(t)
	w.must(ann, &account.GrantAdmin{User: "bob"}, nil)
	w.must(bob, &account.RevokeAdmin{User: "ann"}, nil)
	require.Equal(t, "NOT_CLUSTER_ADMIN", w.ask(ann, &account.Audit{}, nil).Reason)

	var all account.AuditPage
	w.told(bob, &account.Audit{}, &all)
	require.Equal(t, strings.Fields("bootstrap login login login admin.claim admin.grant admin.revoke"), w.audited())
	last := all.Records[len(all.Records)-1]
	require.Equal(t, "bob", last.ActorName)
	require.Equal(t, ann.id.String(), last.Object)
	require.Equal(t, bob.login, last.Login)
	require.NoError(t, chained(all.Records))
	for i := range all.Records[:len(all.Records)-1] { // none can be changed or taken out unseen, but from either end
		forged := slices.Clone(all.Records)
		forged[i].Actor++
		require.Error(t, chained(forged), "record %d says something else", i)
		if i > 0 {
			require.Error(t, chained(slices.Delete(slices.Clone(all.Records), i, i+1)), "record %d is not there", i)
		}
	}

	var pages []account.AuditEntry
	for q := (account.Audit{Limit: 2}); ; {
		var page account.AuditPage
		w.told(bob, &q, &page)
		pages = append(pages, page.Records...)
		if !page.More {
			break
		}
		end := page.Records[len(page.Records)-1]
		q.Position, q.Number = end.Position, end.Number+1
	}
	require.Equal(t, all.Records, pages)
}

// chained checks the audit log as whoever exports it does.
func chained(records []account.AuditEntry) error {
	for i := 1; i < len(records); i++ {
		if records[i].Before != records[i-1].Hash() {
			return errChain
		}
	}
	return nil
}

var errChain = state.Invalidf("records", "BROKEN", "A record is not the one behind the other.")

func TestTheAuditLogKeepsTheNewestRecordsAndTheChainOfThose(t *testing.T) {
	l := state.DefaultLimits()
	l.AuditMax = 5
	w := newLimited(t, l)
	w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: state.SignUpOpen, Offer: digest("token")}, nil)
	ann := w.member("ann")
	w.must(ann, &account.ClaimAdmin{Hash: digest("token")}, nil)
	for range 10 {
		w.must(w.logIn("ann"), &account.LogOut{}, nil)
	}
	var all account.AuditPage
	w.told(ann, &account.Audit{}, &all)
	require.Len(t, all.Records, 5)
	require.NoError(t, chained(all.Records))
	require.Equal(t, w.at, all.Records[4].Position)
}
