package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An exercise takes a line away. It stands, once, in the file that the exercise names before it.
func TestTheLinesThatTheCourseChangesAreThere(t *testing.T) {
	text, err := os.ReadFile("course.md")
	require.NoError(t, err)
	named, changed := "", 0
	for _, line := range strings.Split(string(text), "\n") {
		if m := regexp.MustCompile(`, in \[(raft/\w+\.go)\]`).FindStringSubmatch(line); m != nil {
			named = m[1]
		}
		if was, ok := strings.CutPrefix(line, "-\t"); ok {
			source, err := os.ReadFile(filepath.Join("..", named))
			require.NoError(t, err)
			require.Contains(t, string(source), "\n\t"+was+"\n", "%s has no such line", named)
			changed++
		}
	}
	require.Equal(t, 3, changed)
}
