package cli

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// exported is a log of some records, as lines.
func exported(t *testing.T, n int) (lines []string) {
	before := make([]byte, 32)
	for i := range n {
		r := &pb.AuditRecord{Position: uint64(10 + i/2), Number: uint64(i % 2), LogTime: 123456789012345 + int64(i), Actor: "user_1z", LoginId: "login_2b",
			Action: "channel.add", Object: "chan_5", Detail: "of bob \"quoted\"", Before: before, ActorName: "ann"}
		if i%3 != 0 {
			r.Time = &timestamppb.Timestamp{Seconds: 1_700_000_000, Nanos: int32(i)}
		}
		hash, err := client.AuditHash(r)
		require.NoError(t, err)
		r.Hash, before = hash[:], hash[:]
		line, err := json.Marshal(jsonAudit(r))
		require.NoError(t, err)
		lines = append(lines, string(line))
	}
	return lines
}

// At stake: an exported log that somebody has worked on, and that passes.
func TestR93_AnExportedLogFromWhichSomethingIsMissingOrInWhichSomethingWasChangedIsFound(t *testing.T) {
	lines := exported(t, 12)
	verify := func(lines ...string) error {
		_, _, _, err := verifyAudit(strings.NewReader(strings.Join(lines, "\n")))
		return err
	}
	require.NoError(t, verify(lines...))
	n, first, last, err := verifyAudit(strings.NewReader(strings.Join(lines[3:], "\n") + "\n"))
	require.NoError(t, err, "the oldest go")
	require.Equal(t, []any{9, uint64(11), uint64(15)}, []any{n, first.Position, last.Position})
	require.NoError(t, verify())

	broken := func(line int, lines ...string) {
		t.Helper()
		e := (*brokenError)(nil)
		require.True(t, errors.As(verify(lines...), &e), "nothing was found")
		require.Equal(t, line, e.line)
	}
	broken(5, append(append([]string{}, lines[:4]...), lines[5:]...)...)
	broken(3, lines[0], lines[1], lines[1], lines[2])
	broken(2, lines[1], lines[0])
	broken(1, "not a record")
	broken(1, strings.Replace(lines[0], `"position"`, `"extra":1,"position"`, 1))
	for _, change := range [][2]string{{`"object":"chan_5"`, `"object":"chan_6"`}, {`user_1z`, `user_20`}, {`login_2b`, `login_2c`}, {`channel.add`, `channel.del`},
		{`of bob`, `of cid`}, {`"position":12`, `"position":13`}, {`"number":0`, `"number":1`}, {`34h17m36.789012349s`, `34h17m36.78901235s`}} {
		changed := strings.Replace(lines[4], change[0], change[1], 1)
		require.NotEqual(t, lines[4], changed, "%v in %s", change, lines[4])
		broken(5, append(append(append([]string{}, lines[:4]...), changed), lines[5:]...)...)
	}
	// Who computes the hash of what he changed anew is found a line later.
	var j auditJSON
	require.NoError(t, json.Unmarshal([]byte(lines[4]), &j))
	j.Detail = "of nobody"
	r, err := j.record()
	require.NoError(t, err)
	hash, err := client.AuditHash(r)
	require.NoError(t, err)
	j.Hash = hex.EncodeToString(hash[:])
	forged, err := json.Marshal(j)
	require.NoError(t, err)
	broken(6, append(append(append([]string{}, lines[:4]...), string(forged)), lines[5:]...)...)
	// The name is for people, and may change.
	require.NoError(t, verify(strings.Replace(lines[0], `"ann"`, `"anna"`, 1), lines[1]))
}

func TestTimesForWhichThingsAreKeptAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]uint64{"forever": 0, "90d": 90 * daySeconds, "36h": 36 * 3600, "1h30m": 5400} {
		got, err := secondsOf(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		again, err := secondsOf(keptText(got))
		require.NoError(t, err)
		require.Equal(t, want, again)
	}
	for _, text := range []string{"", "90", "0d", "-5h", "1ms", "d", "5000000000d", "never"} {
		_, err := secondsOf(text)
		require.Error(t, err, text)
	}
}

// A file that was cut off at its first byte, or an export that was never written, must not pass for a log that is whole.
func TestALogWithoutARecordIsNotVerified(t *testing.T) {
	_, stderr, code := run("", "audit", "verify", "-")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "there is no record to be checked")
	stdout, _, code := run("", "audit", "verify", "-", "--json")
	require.Equal(t, 1, code)
	require.Contains(t, stdout, `"code":"AUDIT_EMPTY"`)
	stdout, _, code = run(exported(t, 1)[0]+"\n", "audit", "verify", "-")
	require.Zero(t, code)
	require.Contains(t, stdout, "1 record from position ")
}
