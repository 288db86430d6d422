package convert

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
)

// The table of errors in common.proto is what people write clients by.
func TestTheTableOfErrorsInTheProtocolsDescriptionIsTheOneInTheCode(t *testing.T) {
	text, err := os.ReadFile("../proto/parley/v1/common.proto")
	require.NoError(t, err)
	row := regexp.MustCompile(`(?m)^//   ([A-Z0-9_]+) +([A-Z_]+)(.*)$`)
	listed := map[string]rule{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		listed[m[1]] = rule{m[1], codeNamed(t, m[2]), strings.Contains(m[3], "RetryInfo")}
	}
	for code, want := range nodeRules {
		require.Equal(t, want, listed[want.reason], "%v", code)
	}
	for code, want := range stateRules {
		require.Equal(t, want, listed[want.reason], "%v", code)
	}
}

// codeNamed returns a code by the name that it has on the wire.
func codeNamed(t *testing.T, name string) codes.Code {
	var c codes.Code
	require.NoError(t, c.UnmarshalJSON([]byte(`"`+name+`"`)))
	return c
}
