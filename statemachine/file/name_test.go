package file

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestR45_AFilesNameIsCleaned(t *testing.T) {
	for name, want := range map[string]string{
		"plan.txt":                        "plan.txt",
		"Übersicht 2026 (final).pdf":      "Übersicht 2026 (final).pdf",
		"../../etc/passwd":                "passwd",
		`C:\Users\ann\plan.txt`:           "plan.txt",
		"/":                               "file",
		"..":                              "file",
		"":                                "file",
		" . ":                             "file",
		".bashrc":                         "bashrc",
		"-rf":                             "rf",
		"--help":                          "help",
		"~root":                           "root",
		"plan.txt. . .":                   "plan.txt",
		"a\x00b\nc\x1b[2J":                "a_b_c_[2J",
		"invoice\u202efdp.exe":            "invoice_fdp.exe",
		"zero\u200bwidth":                 "zero_width",
		"a\xffb":                          "a_b",
		`a:b*c?d"e<f>g|h`:                 "a_b_c_d_e_f_g_h",
		"CON":                             "_CON",
		"nul.tar.gz":                      "_nul.tar.gz",
		"com1":                            "_com1",
		"LPT9.txt":                        "_LPT9.txt",
		"com¹":                            "_com¹",
		"con .txt":                        "_con .txt",
		"console":                         "console",
		"com10":                           "com10",
		strings.Repeat("x", 300) + ".txt": strings.Repeat("x", 196) + ".txt",
		strings.Repeat("ü", 300):          strings.Repeat("ü", 100),
		"x." + strings.Repeat("y", 300):   "x." + strings.Repeat("y", 198),
	} {
		require.Equal(t, want, CleanName(name, 200), "%q", name)
	}
}

// What is cleaned stays as it is, so that both ends may clean, and is a name on any disk.
func TestR45_ACleanNameIsCleanForGood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{".", "-", " ", "/", `\`, "con", "COM1", "_", "\u202e", "\xff", "é"}),
			rapid.StringN(0, -1, 300))
		name := strings.Join(rapid.SliceOfN(part, 0, 12).Draw(t, "parts"), "")
		most := rapid.IntRange(64, 255).Draw(t, "bytes")
		clean := CleanName(name, most)
		require.Equal(t, clean, CleanName(clean, most))
		require.NotEmpty(t, clean)
		require.LessOrEqual(t, len(clean), most)
		require.True(t, utf8.ValidString(clean))
		require.False(t, strings.ContainsAny(clean, "/\\:*?\"<>|\x00\n\u202e"))
		require.False(t, strings.HasPrefix(clean, ".") || strings.HasPrefix(clean, "-") || strings.HasSuffix(clean, ".") || strings.HasSuffix(clean, " "))
		require.False(t, device(clean))
	})
}
