package raft

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func sampleBase() Base {
	return Base{
		Entry:       EntryID{Index: 0x1234, Term: 7},
		Time:        0x99,
		Config:      Configuration{Members: []Member{{Ident: Ident{1, 2}, Voter: true, PeerAddr: "p", ClientAddr: "c"}}},
		ConfigIndex: 0x1200,
		Removed: []Removal{
			{Member: Member{Ident: Ident{3, 4}, Voter: true, PeerAddr: "q"}, At: 0x1100},
			{Member: Member{Ident: Ident{3, 5}}, At: 0x1200},
		},
	}
}

// The bytes stand in snapshots, which outlive releases.
func TestABaseIsTheseBytes(t *testing.T) {
	b := sampleBase()
	p := AppendBase(nil, &b)
	require.Equal(t, "01"+"3412000000000000"+"0700000000000000"+"9900000000000000"+"0012000000000000"+
		"1c000000"+"0101000000"+"0100000000000000"+"0200000000000000"+"01"+"0100"+"70"+"0100"+"63"+
		"02000000"+
		"0011000000000000"+"0300000000000000"+"0400000000000000"+"01"+"0100"+"71"+"0000"+
		"0012000000000000"+"0300000000000000"+"0500000000000000"+"00"+"0000"+"0000", hex.EncodeToString(p))
	got, err := DecodeBase(p)
	require.NoError(t, err)
	require.Equal(t, b, got)
	for i := range p {
		_, err := DecodeBase(p[:i])
		require.ErrorIs(t, err, ErrCodec)
	}
	_, err = DecodeBase(append(p, 0))
	require.ErrorIs(t, err, ErrCodec)
}

func TestABaseThatContradictsItselfIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Base){
		"an index without a term":                 func(b *Base) { b.Entry.Term = 0 },
		"a term without an index":                 func(b *Base) { *b = Base{Entry: EntryID{Term: 1}} },
		"a configuration from behind the base":    func(b *Base) { b.ConfigIndex = b.Entry.Index + 1 },
		"a removal behind the base":               func(b *Base) { b.Removed[1].At = b.Entry.Index + 1 },
		"removals that are not in order":          func(b *Base) { b.Removed[0].At = b.Removed[1].At + 1 },
		"a removal by no entry":                   func(b *Base) { b.Removed[0].At = 0 },
		"a removal of nobody":                     func(b *Base) { b.Removed[0].Member.ID = 0 },
		"members that are not in order":           func(b *Base) { b.Config.Members = append(b.Config.Members, b.Config.Members[0]) },
		"more removals than there are bytes left": func(b *Base) { b.Removed = nil },
	} {
		b := sampleBase()
		spoil(&b)
		p := AppendBase(nil, &b)
		if b.Removed == nil && b.Entry.Index != 0 {
			le.PutUint32(p[len(p)-4:], 1<<31)
		}
		_, err := DecodeBase(p)
		require.ErrorIs(t, err, ErrCodec, name)
	}
}

func TestEveryBaseComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		member := rapid.Custom(func(t *rapid.T) Member {
			return Member{
				Ident: Ident{NodeID(rapid.Uint64Min(1).Draw(t, "id")), Incarnation(rapid.Uint64().Draw(t, "inc"))},
				Voter: rapid.Bool().Draw(t, "voter"), VoterOld: rapid.Bool().Draw(t, "old"), Promote: rapid.Bool().Draw(t, "promote"),
				Replaces: NodeID(rapid.Uint64().Draw(t, "replaces")),
				PeerAddr: rapid.String().Draw(t, "peer"), ClientAddr: rapid.String().Draw(t, "client"),
			}
		})
		b := Base{
			Entry: EntryID{Index(rapid.Uint64Min(2).Draw(t, "index")), Term(rapid.Uint64Min(1).Draw(t, "term"))},
			Time:  LogTime(rapid.Int64().Draw(t, "time")),
		}
		b.ConfigIndex = Index(rapid.Uint64Max(uint64(b.Entry.Index)).Draw(t, "config"))
		for i := range rapid.IntRange(0, 5).Draw(t, "members") {
			m := member.Draw(t, "member")
			m.ID = NodeID(i + 1)
			b.Config.Members = append(b.Config.Members, m)
		}
		at := uint64(1)
		for range rapid.IntRange(0, 5).Draw(t, "removed") {
			at = rapid.Uint64Range(at, uint64(b.Entry.Index)).Draw(t, "at")
			b.Removed = append(b.Removed, Removal{Member: member.Draw(t, "gone"), At: Index(at)})
		}
		got, err := DecodeBase(AppendBase(nil, &b))
		require.NoError(t, err)
		require.Equal(t, b, got)
	})
}

func FuzzDecodeBase(f *testing.F) {
	b := sampleBase()
	f.Add(AppendBase(nil, &b))
	f.Add(AppendBase(nil, &Base{}))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := DecodeBase(src)
		if err == nil && string(AppendBase(nil, &b)) != string(src) {
			t.Fatalf("accepted %x", src)
		}
	})
}
