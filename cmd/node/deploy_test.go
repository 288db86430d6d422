package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is at stake: who deploys finds out on the machine that a flag was renamed.
func TestTheFilesOfDeployNameFlagsThatNodeStartHas(t *testing.T) {
	have := append(startFlags(), "config")
	for file, flag := range map[string]*regexp.Regexp{
		"kubernetes/parley.yaml": regexp.MustCompile(`(?m)^ +- --([a-z-]+)=`),
		"compose.yaml":           regexp.MustCompile(`[ "]--([a-z-]+)=`),
		"systemd/node.yaml":      regexp.MustCompile(`(?m)^([a-z-]+):`),
		"systemd/parley.service": regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/node start --([a-z-]+) `),
	} {
		text, err := os.ReadFile("../../deploy/" + file)
		require.NoError(t, err)
		named := flag.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, named, file)
		for _, m := range named {
			require.Contains(t, have, m[1], file)
		}
	}
}

// The example of /etc/parley/node.yaml is read without a mistake, up to the files that it names and this machine does not have.
func TestTheExampleOfAConfigurationFileIsRead(t *testing.T) {
	_, stderr, code := node("start", "--config", "../../deploy/systemd/node.yaml", "--dir", t.TempDir(), "--check")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "/etc/parley/")
	require.NotContains(t, stderr, "there is no flag")
}
