package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
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

// A collector that does not know how little there is lets a container grow until the kernel ends it.
func TestTheFilesOfDeployTellTheCollectorNineTenthsOfWhatANodeMayHave(t *testing.T) {
	for file, limit := range map[string]*regexp.Regexp{
		"kubernetes/parley.yaml": regexp.MustCompile(`limits: \{memory: (\d+)Gi\}`),
		"compose.yaml":           regexp.MustCompile(`mem_limit: (\d+)m`),
		"systemd/parley.service": regexp.MustCompile(`(?m)^MemoryMax=(\d+)M$`),
	} {
		text, err := os.ReadFile("../../deploy/" + file)
		require.NoError(t, err)
		may := limit.FindSubmatch(text)
		require.NotNil(t, may, file)
		mib, err := strconv.Atoi(string(may[1]))
		require.NoError(t, err)
		if strings.HasPrefix(file, "kubernetes") {
			mib *= 1024
		}
		told := regexp.MustCompile(`GOMEMLIMIT\W+(?:value: )?(\d+)MiB`).FindAllSubmatch(text, -1)
		require.NotEmpty(t, told, file)
		for _, one := range told {
			require.Equal(t, strconv.Itoa(mib*9/10), string(one[1]), file)
		}
	}
}
