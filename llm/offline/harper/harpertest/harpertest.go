// Package harpertest helps tests that check grammar.
package harpertest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns a folder for Harper's machine code that all tests on this machine share: compiling it takes longer than
// they do.
func Dir(t testing.TB) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return t.TempDir()
	}
	return filepath.Join(cache, "parley-test", "harper")
}
