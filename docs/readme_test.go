package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An example that does not run teaches the wrong thing to whoever trusts it
// first. The README's program is built in a module of its own, as a reader would,
// and must print what the README says it prints.
func TestReadmeProgramRunsAsPrinted(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	program := fenced(t, string(text), "```go\n")
	module := fenced(t, string(text), "```\nmodule ")
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	module = "module " + strings.ReplaceAll(module, "=> ../parley", "=> "+root)

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(module), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600))
	sums, err := os.ReadFile("../go.sum") // what the tree has is enough; nothing is fetched
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
	cmd := exec.Command("go", "run", "-mod=mod", ".")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "added 10, sum 10\nadded 20, sum 30\nadded 30, sum 60\nlinearizable read: 60\n", string(out))
}

// fenced returns the text from the first opening to the end of that block.
func fenced(t *testing.T, text, opening string) string {
	t.Helper()
	_, block, found := strings.Cut(text, opening)
	require.True(t, found, "README.md has no block %q", opening)
	block, _, found = strings.Cut(block, "```")
	require.True(t, found, "README.md does not close the block %q", opening)
	return block
}
