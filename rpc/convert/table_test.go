package convert

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

// The table of errors in common.proto is what people write clients by.
func TestTheTableOfErrorsInTheProtocolsDescriptionIsTheOneInTheCode(t *testing.T) {
	listed := table(t)
	for code, want := range nodeRules {
		require.Equal(t, want, listed[want.reason], "%v", code)
	}
	for code, want := range stateRules {
		require.Equal(t, want, listed[want.reason], "%v", code)
	}
}

// table reads the table of errors: its rules, by reason.
func table(t *testing.T) map[string]rule {
	text, err := os.ReadFile("../proto/parley/v1/common.proto")
	require.NoError(t, err)
	row := regexp.MustCompile(`(?m)^//   ([A-Z0-9_]+) +([A-Z_]+)(.*)$`)
	listed := map[string]rule{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		listed[m[1]] = rule{m[1], codeNamed(t, m[2]), strings.Contains(m[3], "RetryInfo")}
	}
	return listed
}

// kinds are the codes of the state machine's refusals, as its source names them, on the wire.
var kinds = map[string]codes.Code{
	"Malformed": codes.InvalidArgument, "Invalid": codes.InvalidArgument, "NotFound": codes.NotFound, "Exists": codes.AlreadyExists,
	"NotPermitted": codes.PermissionDenied, "Unauthenticated": codes.Unauthenticated, "Conflict": codes.Aborted,
	"Exhausted": codes.ResourceExhausted, "Precondition": codes.FailedPrecondition, "NotYet": codes.FailedPrecondition,
}

var (
	refusal = regexp.MustCompile(`(?:Refusef\(|Code: )(?:state\.)?(\w+), (?:Reason: )?"([A-Z0-9_]+)"`)
	invalid = regexp.MustCompile(`Invalidf\([^,]+, "([A-Z0-9_]+)"`)
)

// A reason that the state machine gives and the table does not have is one that no client's author can expect.
func TestEveryReasonOfTheStateMachineIsInTheTableOfErrorsWithItsCode(t *testing.T) {
	listed := table(t)
	given := map[string]codes.Code{}
	err := filepath.WalkDir("../../statemachine", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		source, err := os.ReadFile(file)
		for _, m := range refusal.FindAllStringSubmatch(string(source), -1) {
			require.Contains(t, kinds, m[1], "%s: %s", file, m[0])
			given[m[2]] = kinds[m[1]]
		}
		for _, m := range invalid.FindAllStringSubmatch(string(source), -1) {
			given[m[1]] = codes.InvalidArgument
		}
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(given), 20, "the patterns find what is there")
	delete(given, "VERSION") // UNIMPLEMENTED, whatever the state machine takes it for: another release knows it
	for reason, code := range given {
		require.True(t, listed[reason].reason != "", "%s is not in the table", reason)
		require.Equal(t, listed[reason].code, code, reason)
	}
}

// codeNamed returns a code by the name that it has on the wire.
func codeNamed(t *testing.T, name string) codes.Code {
	var c codes.Code
	require.NoError(t, c.UnmarshalJSON([]byte(`"`+name+`"`)))
	return c
}
