package raft

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sampleMessages has one message of each kind with every field that the kind carries set.
func sampleMessages() []Message {
	base := Message{
		Cluster: 0x1112131415161718, From: Ident{1, 0xa1a2a3a4a5a6a7a8}, To: Ident{2, 0xb1b2b3b4b5b6b7b8},
		Term: 5, Seq: 6,
	}
	var out []Message
	for _, kind := range []MessageKind{
		MsgPreVote, MsgPreVoteReply, MsgVote, MsgVoteReply, MsgAppend, MsgAppendReply,
		MsgHeartbeat, MsgHeartbeatReply, MsgTimeoutNow, MsgFormAsk, MsgFormAnswer, MsgFormRecord, MsgFormAccept, MsgFormRefuse,
		MsgRemoved, MsgRepairAsk, MsgRepairReply, MsgReadIndex, MsgReadIndexReply, MsgJoinAsk, MsgJoinAnswer, MsgJoinRecord, MsgJoinAccept,
		MsgReport, MsgSnapshotOffer, MsgSnapshotAsk, MsgSnapshotChunk, MsgBlob, MsgPin, MsgNotice, MsgAside,
	} {
		m := base
		m.Kind = kind
		switch kind {
		case MsgPreVote, MsgVote:
			m.LastIndex, m.LastTerm, m.Transfer = 7, 4, kind == MsgVote
		case MsgPreVoteReply, MsgVoteReply:
			m.Granted = true
		case MsgAppend:
			m.PrevIndex, m.PrevTerm, m.Commit = 7, 4, 3
			m.Entries = []Entry{
				{Index: 8, Term: 4, Time: 9, Kind: EntryCommand, Payload: []byte("hello")},
				{Index: 9, Term: 5, Time: 10, Kind: EntryNoop},
			}
			for i := range m.Entries {
				m.Entries[i].Sum = EntrySum(m.Cluster, &m.Entries[i])
			}
		case MsgAppendReply:
			m.Granted, m.Matched, m.HintIndex, m.HintTerm, m.Lost = true, 9, 2, 1, true
		case MsgHeartbeat:
			m.Round, m.Commit = 11, 3
		case MsgHeartbeatReply:
			m.Round, m.Accepted = 11, 9
		case MsgTimeoutNow, MsgReadIndex:
		case MsgReadIndexReply:
			m.Granted, m.Commit = true, 12
		case MsgRemoved:
			m.Commit = 12
		case MsgRepairAsk:
			m.PrevIndex, m.LastIndex, m.LastTerm = 7, 9, 4
		case MsgRepairReply:
			m.PrevIndex, m.LastTerm, m.Holding = 7, 4, HoldingEntry
			e := Entry{Index: 8, Term: 4, Time: 9, Kind: EntryCommand, Payload: []byte("again")}
			e.Sum = EntrySum(m.Cluster, &e)
			m.Entries = []Entry{e}
		default:
			m.Payload = []byte("who?")
		}
		out = append(out, m)
	}
	return out
}

// The bytes on wire and disk never change under a version: nodes of two releases
// talk, and logs outlive releases.
func TestGoldenBytesOfMessagesAndConfigurationsStayStill(t *testing.T) {
	var got bytes.Buffer
	for _, m := range sampleMessages() {
		fmt.Fprintf(&got, "%s\n%s", m.Kind, hex.Dump(AppendMessage(nil, &m)))
	}
	c := Configuration{Members: []Member{
		{Ident: Ident{1, 2}, Voter: true, PeerAddr: "127.0.0.1:1", ClientAddr: "127.0.0.1:2"},
		{Ident: Ident{3, 4}, VoterOld: true},
	}}
	fmt.Fprintf(&got, "Configuration\n%s", hex.Dump(AppendConfiguration(nil, &c)))
	c = Configuration{Members: []Member{
		{Ident: Ident{1, 2}, Voter: true, VoterOld: true},
		{Ident: Ident{5, 6}, Promote: true, PeerAddr: "127.0.0.1:1"},
		{Ident: Ident{7, 8}, Promote: true, Replaces: 1, ClientAddr: "127.0.0.1:2"},
	}}
	fmt.Fprintf(&got, "Configuration with learners\n%s", hex.Dump(AppendConfiguration(nil, &c)))
	const file = "testdata/codec.golden"
	if *update {
		require.NoError(t, os.WriteFile(file, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

func TestEveryMessageComesBackAsItWasSent(t *testing.T) {
	for _, m := range sampleMessages() {
		back, err := DecodeMessage(AppendMessage([]byte("before"), &m)[len("before"):])
		require.NoError(t, err, m.Kind)
		require.Equal(t, m, back)
	}
}

// CRC-32C sees every change of one to three bits and every burst of up to 32.
func TestAnyFlippedBitOfAMessageIsRefused(t *testing.T) {
	for _, m := range sampleMessages() {
		wire := AppendMessage(nil, &m)
		for bit := range len(wire) * 8 {
			bad := bytes.Clone(wire)
			bad[bit/8] ^= 1 << (bit % 8)
			_, err := DecodeMessage(bad)
			require.ErrorIs(t, err, ErrCodec, "%s bit %d", m.Kind, bit)
		}
		for n := range wire {
			_, err := DecodeMessage(wire[:n])
			require.ErrorIs(t, err, ErrCodec, "%s cut to %d", m.Kind, n)
		}
	}
}

// The entry checksum covers everything that makes an entry what it is.
func TestTheEntryChecksumCoversEveryField(t *testing.T) {
	e := Entry{Index: 3, Term: 2, Time: 9, Kind: EntryCommand, Payload: []byte("x")}
	sum := EntrySum(7, &e)
	for name, change := range map[string]func(*Entry){
		"index":   func(e *Entry) { e.Index++ },
		"term":    func(e *Entry) { e.Term++ },
		"time":    func(e *Entry) { e.Time++ },
		"kind":    func(e *Entry) { e.Kind++ },
		"payload": func(e *Entry) { e.Payload = []byte("y") },
		"length":  func(e *Entry) { e.Payload = []byte("x\x00") },
	} {
		c := e
		change(&c)
		require.NotEqual(t, sum, EntrySum(7, &c), name)
	}
	require.NotEqual(t, sum, EntrySum(8, &e), "cluster")
	require.Zero(t, testing.AllocsPerRun(100, func() { EntrySum(7, &e) }))
}

func TestEntriesOutOfOrderAreRefusedByTheDecoder(t *testing.T) {
	for name, change := range map[string]func(*Message){
		"a gap":                   func(m *Message) { m.Entries[1].Index++ },
		"not behind prev":         func(m *Message) { m.PrevIndex++ },
		"a term that falls":       func(m *Message) { m.Entries[1].Term = 3 },
		"a term above the sender": func(m *Message) { m.Entries[1].Term = 6 },
		"no kind":                 func(m *Message) { m.Entries[1].Kind = 0 },
	} {
		m := sampleMessages()[4]
		change(&m)
		_, err := DecodeMessage(AppendMessage(nil, &m))
		require.ErrorIs(t, err, ErrCodec, name)
	}
}

func TestConfigurationsRoundTripAndRefuseDisorder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Configuration
		id := NodeID(0)
		for range rapid.IntRange(0, 9).Draw(t, "members") {
			id += NodeID(rapid.IntRange(1, 9).Draw(t, "step"))
			c.Members = append(c.Members, Member{
				Ident: Ident{id, Incarnation(rapid.Uint64().Draw(t, "inc"))},
				Voter: rapid.Bool().Draw(t, "voter"), VoterOld: rapid.Bool().Draw(t, "old"),
				Promote: rapid.Bool().Draw(t, "promote"), Replaces: NodeID(rapid.IntRange(0, 2).Draw(t, "replaces")),
				PeerAddr: rapid.String().Draw(t, "peer"), ClientAddr: rapid.String().Draw(t, "client"),
			})
		}
		back, err := DecodeConfiguration(AppendConfiguration(nil, &c))
		require.NoError(t, err)
		require.Equal(t, c, back)
	})
	twice := Configuration{Members: []Member{{Ident: Ident{2, 1}}, {Ident: Ident{2, 1}}}}
	_, err := DecodeConfiguration(AppendConfiguration(nil, &twice))
	require.ErrorIs(t, err, ErrCodec)
}

// Keyed draws are part of every seed's meaning: they never change.
func TestMixIsFixedForAllTime(t *testing.T) {
	require.Equal(t, uint64(0x9e3779b97f4a7c15), Mix())
	require.Equal(t, []uint64{Mix(0), Mix(1), Mix(1, 2), Mix(2, 1)}, goldenMix)
	require.Equal(t, []uint64{ChainOf().Mix(0), ChainOf().Mix(1), ChainOf(1).Mix(2), ChainOf(2).Mix(1)}, goldenMix)
}

var goldenMix = []uint64{0xbeeb8da1658eec67, 0xbfc846100bfc1e42, 0x4df5ec388249c176, 0x5d60b960e0946ba0}
