package statemachine

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/account"
	"parley/statemachine/assist"
	"parley/statemachine/chat"
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

func TestEveryKindIsMadeUnderItsNumber(t *testing.T) {
	for kind, spec := range commands {
		if spec.make != nil {
			require.Equal(t, kind, int(spec.make().Kind()), "%T", spec.make())
		}
	}
	for kind, spec := range queries {
		if spec.make != nil {
			require.Equal(t, kind, int(spec.make().Kind()), "%T", spec.make())
		}
	}
}

func TestAKindThatNobodyRegisteredIsRefused(t *testing.T) {
	m := New()
	for kind := range 256 {
		body := state.Append([]byte{bodyVersion, byte(kind)}, &state.Head{})
		if kind >= len(commands) || commands[kind].make == nil {
			requireRefusal(t, m.Apply(teamAt(9, ""), body), "VERSION")
		}
		if kind >= len(queries) || queries[kind].make == nil {
			requireRefusal(t, m.Query(body), "VERSION")
		}
	}
	requireRefusal(t, m.Apply(teamAt(9, ""), []byte{bodyVersion}), "VERSION")
	requireRefusal(t, m.Query([]byte{bodyVersion}), "VERSION")
}

func requireRefusal(t *testing.T, reply []byte, reason string) {
	t.Helper()
	var refusal *state.Refusal
	require.ErrorAs(t, state.DecodeReply(reply, nil), &refusal)
	require.Equal(t, reason, refusal.Reason)
}

func teamAt(p raft.Position, principal string) node.Applied {
	return node.Applied{Position: p, Term: 1, Time: raft.LogTime(p) * raft.LogTime(time.Minute), Level: node.LevelTeam, Principal: principal}
}

// What is written is what is read, to the last field; and a byte less or more is no request.
func TestEveryCommandAndQueryComesBackFromItsBytes(t *testing.T) {
	check := func(t *rapid.T, v, back state.Coded) {
		fill(t, reflect.ValueOf(v).Elem(), "", nil)
		body := state.Append(nil, v)
		require.NoError(t, state.Decode(body, back), "%T", v)
		require.Equal(t, v, back)
		require.Equal(t, body, state.Append(nil, back))
		if len(body) > 0 {
			require.ErrorIs(t, state.Decode(body[:len(body)-1], back), state.ErrMalformed, "%T", v)
		}
		require.ErrorIs(t, state.Decode(append(body, 0), back), state.ErrMalformed, "%T", v)
	}
	for _, spec := range commands {
		if spec.make != nil {
			rapid.Check(t, func(t *rapid.T) { check(t, spec.make(), spec.make()) })
		}
	}
	for _, spec := range queries {
		if spec.make != nil {
			rapid.Check(t, func(t *rapid.T) { check(t, spec.make(), spec.make()) })
		}
	}
}

// fill draws the fields of a command or query. Those that a pool has something for are mostly drawn from it.
func fill(t *rapid.T, v reflect.Value, field string, pool *pool) {
	if pool != nil && rapid.IntRange(0, 4).Draw(t, "sense") > 0 && pool.draw(t, v, field) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			require.True(t, v.Field(i).CanSet(), "%s has a field that its Code can't be seen to pass", v.Type())
			fill(t, v.Field(i), v.Type().Field(i).Name, pool)
		}
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.String(), rapid.SampledFrom(oddWords)).Draw(t, field))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, field))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Uint8().Draw(t, field)))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, field))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, field))
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), field, pool)
		}
	case reflect.Slice:
		if n := rapid.IntRange(0, 3).Draw(t, field); n > 0 { // no items are nil, as Decode has it
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i), field, pool)
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, field) {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), field, pool)
		}
	default:
		require.Fail(t, fmt.Sprintf("fill knows no %s", v.Type()))
	}
}

// oddWords are texts that something may stumble over.
var oddWords = []string{"", "@", "#", "@zed", "\xff\xfe", "a\x00b", "\u202ea", strings.Repeat("long ", 100), strings.Repeat("é", 200), "msg_", "chan_",
	"chan_zzzzzzzzzzzzzzzzzzzz", "conv_1", "user_g", "@" + strings.Repeat("x", 1000), "#\x1b[2J"}

// pool has what makes sense in a town, by the name of the field.
type pool struct {
	texts map[string][]string
	fence int // under which a lock is held
}

func newPool(logins, messages, docs []string) *pool {
	users := []string{"ann", "bob", "cid", "BOB", "@cid"}
	many := slices.Repeat(docs, 3)
	return &pool{texts: map[string][]string{
		"Name": append(many, "gemini", "dora", "emil", "news", "Ops-Team", "#secret"), "Title": {"Plan"}, "Note": {"", "a note"}, "Content": {"", "some text"}, "Channel": {"#general", "", ""}, "User": append(users, ""), "Cursor": users, "After": {""},
		"Email": {"dora@example.org", "emil@example.org", "ann@example.org"}, "Display": {"Dora", ""}, "Description": {"what it is for", ""},
		"Place": {"#general", "general", "#random", "#news", "@bob", "@cid", "chan_1"}, "Text": {"hello", "hi @bob and @ann"}, "ReplyTo": append(messages, ""),
		"Of": append([]string{"#general", "@bob", "@ann", "news", ""}, docs[1:]...), "Doc": append([]string{"", ""}, docs[1:]...), "Backend": {"gemini", "openai"}, "Task": {"summarize", "grammar"},
		"ID": append(messages, many...), "Emoji": {"👍", ":tada:"}, "Login": logins, "Client": {"shell", ""}, "Address": {"127.0.0.1"},
	}}
}

func (p *pool) draw(t *rapid.T, v reflect.Value, field string) bool {
	switch v.Kind() {
	case reflect.String:
		if p.texts[field] == nil {
			return false
		}
		v.SetString(rapid.SampledFrom(p.texts[field]).Draw(t, field))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Uint8Range(1, 3).Draw(t, field)))
	case reflect.Uint64:
		numbers := []int{0, 1, 2, 12, 14, 16, 20, 21}
		switch field {
		case "File":
			numbers = []int{0} // none; contents take a node
		case "Fence", "Base", "IfVersion":
			numbers = []int{0, 1, p.fence}
		}
		v.SetUint(uint64(rapid.SampledFrom(numbers).Draw(t, field)))
	case reflect.Int64:
		v.SetInt(rapid.SampledFrom([]int64{0, int64(time.Second), int64(time.Minute), int64(time.Hour)}).Draw(t, field))
	case reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			return false
		}
		if field == "Sum" {
			sum := sha256.Sum256([]byte("some text"))
			v.Set(reflect.ValueOf(sum))
			return true
		}
		v.Index(0).SetUint(uint64(rapid.Uint8Range(0, 4).Draw(t, field))) // of a digest: those that are known differ in it
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			return false
		}
		if field == "Delta" { // of a content whose sum nobody would hit upon
			v.SetBytes([]byte("some text"))
			return true
		}
		n := map[string]int{"Key": 32}[field]
		v.SetBytes([]byte(strings.Repeat("h", max(n, 32))))
	default:
		return false
	}
	return true
}

// town is a machine on which ann, an admin of the cluster, bob and cid live and some have written.
type town struct {
	m     *Machine
	at    raft.Position
	heads []state.Head
	users []string // whose each is
	pool  *pool
}

func newTown(t require.TestingT, l state.Limits) *town {
	w := &town{m: NewLimited(l), at: 10, heads: []state.Head{{}}, users: []string{""}}
	must := func(head state.Head, user string, c state.Command, reply state.Coded) {
		w.at++
		require.NoError(t, state.DecodeReply(w.m.Apply(teamAt(w.at, user), AppendCommand(nil, head, c)), reply), "%T", c)
	}
	must(state.Head{}, "", &account.Bootstrap{Key: make([]byte, 32), SignUp: state.SignUpOpen, Offer: [32]byte{1}}, &account.Done{})
	for i, name := range []string{"ann", "bob", "cid"} {
		var made account.SignedUp
		must(state.Head{}, "", &account.SignUp{Name: name, Email: name + "@example.org", Hash: []byte("h")}, &made)
		var in account.LoggedIn
		secret := [32]byte{byte(i + 1)}
		must(state.Head{}, "", &account.LogIn{User: made.User.ID, Version: 1, Secret: secret}, &in)
		w.heads = append(w.heads, state.Head{Login: in.Login, Proof: state.Proof(secret[:16])})
		w.users = append(w.users, made.User.ID.String())
	}
	must(w.heads[1], w.users[1], &account.ClaimAdmin{Hash: [32]byte{1}}, &account.Done{})
	must(w.heads[1], w.users[1], &account.CreateInvite{Hash: [32]byte{2}, Uses: 2}, &account.Until{})
	must(w.heads[1], w.users[1], &account.CreateReset{User: "cid", Hash: [32]byte{3}}, &account.Until{})
	must(state.Head{}, "", &presence.Announce{Node: 1, Changes: []presence.Change{{User: 12, Online: true}}}, &presence.Announced{})
	var logins, messages []string
	for i := range 3 {
		var sent chat.Sent
		must(w.heads[1+i], w.users[1+i], &chat.Send{Place: "#general", Text: "hello"}, &sent)
		logins, messages = append(logins, w.heads[1+i].Login.String()), append(messages, sent.ID.String())
	}
	must(w.heads[2], w.users[2], &chat.Send{Place: "@cid", Text: "hello"}, &chat.Sent{})
	docs := []string{"deploy"}
	for i := range 2 {
		var made document.Item
		must(w.heads[1+i], w.users[1+i], &document.Create{Title: "Plan", Content: "some text", Mode: state.LockMode(2 - i)}, &made)
		docs = append(docs, made.Document.ID.String())
		must(w.heads[1+i], w.users[1+i], &document.Share{ID: docs[1+i], With: document.Whom{All: true}, Role: state.Editor}, &document.Done{})
	}
	must(w.heads[1], w.users[1], &assist.NameBackend{Name: "gemini"}, &assist.Rules{})
	must(w.heads[2], w.users[2], &lock.Acquire{Name: docs[2], TTL: time.Hour}, &lock.Answer{})
	w.pool = newPool(logins, messages, docs)
	w.pool.fence = int(w.at)
	return w
}

// checkReply judges what every answer must be: well formed, and a refusal short, with a word, a sentence and nothing
// that breaks a terminal or a wire.
func checkReply(t require.TestingT, what any, reply []byte) *state.Refusal {
	require.GreaterOrEqual(t, len(reply), 2)
	require.EqualValues(t, state.ReplyVersion, reply[0])
	if state.Code(reply[1]) == state.OK {
		return nil
	}
	var refusal *state.Refusal
	if !errors.As(state.DecodeReply(reply, nil), &refusal) {
		require.Fail(t, fmt.Sprintf("%T: a refusal that is none", what))
	}
	require.NotContains(t, refusal.Code.String(), "code", "%T: %v", what, refusal)
	require.Equal(t, strings.ToUpper(refusal.Reason), refusal.Reason)
	require.NotEmpty(t, refusal.Reason, "%T: %v", what, refusal)
	require.True(t, strings.HasSuffix(refusal.Text, "."), "%T: %q", what, refusal.Text)
	require.True(t, utf8.ValidString(refusal.Text), "%T: %q", what, refusal.Text)
	require.NotContains(t, refusal.Text, "\x00", "%T", what)
	require.Less(t, len(reply), 400, "%T: %q", what, refusal.Text)
	if refusal.Code == state.Invalid {
		require.NotEmpty(t, refusal.Field, "%T: %v", what, refusal)
	}
	return refusal
}

// Every command and every query that there is meets fields that make sense and fields that make none, under logins
// that live and logins that don't. A command that is refused changes nothing; a query never does; the hash is always
// that of the rows; and two machines agree on all of it.
func TestARefusedCommandOfAnyKindChangesNothing(t *testing.T) {
	l := smallLimits()
	l.EventsMax, l.AuditMax, l.PlacesPerUserMax = 20, 20, 5
	born := newTown(t, l)
	var all []int
	for kind, spec := range commands {
		if spec.make != nil {
			all = append(all, kind)
		}
	}
	var asked []int
	for kind, spec := range queries {
		if spec.make != nil {
			asked = append(asked, kind)
		}
	}
	done, refused := map[int]int{}, map[int]int{}
	rapid.Check(t, func(t *rapid.T) {
		a, b := born.m.Clone().(*Machine), born.m.Clone().(*Machine)
		p := born.at
		who := func() (state.Head, string) {
			i := rapid.OneOf(rapid.IntRange(1, len(born.heads)-1), rapid.IntRange(0, len(born.heads)-1)).Draw(t, "who")
			head, user := born.heads[i], born.users[i]
			switch rapid.IntRange(0, 30).Draw(t, "forged") {
			case 0:
				head.Proof[3]++
			case 1:
				user = born.users[1]
			}
			return head, user
		}
		kinds := append(rapid.Permutation(all).Draw(t, "kinds"), rapid.Permutation(all).Draw(t, "kinds again")...)
		for _, kind := range kinds {
			p++
			c := commands[kind].make()
			fill(t, reflect.ValueOf(c).Elem(), "", born.pool)
			head, user := who()
			at, body := teamAt(p, user), AppendCommand(nil, head, c)
			a.Advance(at)
			b.Advance(at)
			before := a.StateHash()
			reply := a.Apply(at, body)
			require.Equal(t, reply, b.Apply(at, body), "%T", c)
			if refusal := checkReply(t, c, reply); refusal != nil {
				require.Equal(t, before, a.StateHash(), "%T was refused (%v) and changed the state", c, refusal)
				refused[kind]++
			} else {
				done[kind]++
			}
			require.Equal(t, a.RecomputeHash(), a.StateHash(), "%T", c)
			require.Equal(t, b.StateHash(), a.StateHash(), "%T", c)

			q := queries[rapid.SampledFrom(asked).Draw(t, "query")].make()
			fill(t, reflect.ValueOf(q).Elem(), "", born.pool)
			head, _ = who()
			before = a.StateHash()
			checkReply(t, q, a.Query(AppendQuery(nil, head, q)))
			require.Equal(t, before, a.StateHash(), "%T changed the state", q)
			require.Equal(t, a.RecomputeHash(), before)
		}
		requireAccountsWhole(t, a)
		back := NewLimited(l)
		require.NoError(t, back.Restore(bytes.NewReader(snapshot(t, a))))
		require.Equal(t, a.AppendState(nil), back.AppendState(nil))
		trimmed, _ := a.Get(state.TableMarks, state.MarkTrimmed)
		frames, compacted := a.EventsAfter(raft.Position(state.KeyPart(string(trimmed), 0)), 1000)
		require.False(t, compacted)
		again, _ := back.EventsAfter(raft.Position(state.KeyPart(string(trimmed), 0)), 1000)
		require.Equal(t, frames, again)
		for _, f := range frames {
			bodies, err := DecodeBodies(f.Body)
			require.NoError(t, err)
			for _, body := range bodies {
				require.NoError(t, state.Decode(body[1:], new(state.Shown)), "an event that subscribers can't read")
			}
		}
	})
	for _, kind := range all {
		t.Logf("%-22T done %5d refused %5d", commands[kind].make(), done[kind], refused[kind])
	}
}

// requireAccountsWhole checks that the rows about accounts agree with each other.
func requireAccountsWhole(t require.TestingT, m *Machine) {
	admins, resets := uint64(0), 0
	m.UsersByName("", func(u *state.User) bool {
		if u.Admin {
			admins++
			require.False(t, u.Disabled, "a disabled admin can't help anybody")
		}
		byEmail, ok := m.Get(state.TableEmails, state.FoldName(u.Email))
		require.True(t, ok)
		require.Equal(t, uint64(u.ID), state.KeyPart(string(byEmail), 0))
		if k, _ := m.Credential(u.ID); k.ResetUntil != 0 {
			resets++
		}
		return true
	})
	o := m.Settings()
	require.Equal(t, o.Admins, admins)
	require.NotZero(t, admins, "there was one, so there is one")
	require.Equal(t, m.Len(state.TableUsers), m.Len(state.TableUserNames))
	require.Equal(t, m.Len(state.TableUsers), m.Len(state.TableEmails))
	require.Equal(t, m.Len(state.TableLogins), m.Len(state.TableUserLogins))
	require.Equal(t, m.Len(state.TableLogins), m.Len(state.TableLoginDeadlines))
	require.LessOrEqual(t, m.Len(state.TableKeys), m.Limits.KeysMax)
	ending := m.Len(state.TableInvites) + resets + m.Len(state.TableKeys) - 1 // the key that signs has no end
	if o.OfferUntil != 0 {
		ending++
	}
	require.Equal(t, ending, m.Len(state.TableDeadlines))
}

func FuzzTeam(f *testing.F) {
	born := newTown(f, smallLimits())
	for kind, spec := range commands {
		if spec.make != nil {
			f.Add(uint8(kind), uint8(1), state.Append(nil, spec.make()))
		}
	}
	f.Fuzz(func(t *testing.T, kind, who uint8, fields []byte) {
		i := int(who) % len(born.heads)
		body := append(state.Append([]byte{bodyVersion, kind}, &born.heads[i]), fields...)
		m := born.m.Clone().(*Machine)
		before := m.StateHash()
		if checkReply(t, kind, m.Apply(teamAt(born.at+1, born.users[i]), body)) != nil {
			require.Equal(t, before, m.StateHash())
		}
		require.Equal(t, m.RecomputeHash(), m.StateHash())
		checkReply(t, kind, m.Query(body))
	})
}
