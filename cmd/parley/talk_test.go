package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// talk runs a conversation of people with the command line, from testdata/talks:
//
//	alice> send general "hello, all"      alice's command; words as a shell has them
//	alice< secret words                   what stands on the stdin of her next command, a line
//	sent msg_* to #general at position *  what is printed, stdout first; * is any word, ~ is anything, and a
//	                                      blank any number of them
//	exit 3                                the exit code, if it is not 0
//	let M = msg_*                         $M is, from now on, the first word like this of what was printed last
//	write NAME "text"                     a file in the directory where everybody works
//
// People who are demo users are logged in from the beginning; others have to sign up.
func talk(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "talks", name))
	require.NoError(t, err)
	k := &talker{t: t, c: sharedCluster(t), people: make(map[string]*person), stdin: make(map[string]string), vars: make(map[string]string)}
	work := t.TempDir()
	for i, line := range strings.Split(string(b), "\n") {
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		k.at = name + ":" + itoa(i+1)
		k.line(line, work)
	}
	k.check()
}

type talker struct {
	t      *testing.T
	c      *cluster
	at     string
	people map[string]*person
	stdin  map[string]string
	vars   map[string]string

	said    string // what the last command printed
	from    string // where that stands
	code    int
	want    []string
	wantsAt int
}

var (
	spoken   = regexp.MustCompile(`^([a-z]+)([<>]) (.*)$`)
	variable = regexp.MustCompile(`\$[A-Z]+`)
)

func (k *talker) line(line, work string) {
	k.t.Helper()
	line = variable.ReplaceAllStringFunc(line, func(name string) string {
		value, ok := k.vars[name[1:]]
		require.True(k.t, ok, "%s: nothing is %s", k.at, name)
		return value
	})
	m := spoken.FindStringSubmatch(line)
	switch w := words(line); {
	case m != nil && m[2] == "<":
		k.stdin[m[1]] += m[3] + "\n"
	case m != nil:
		k.check()
		p := k.who(m[1], work)
		stdin := k.stdin[m[1]]
		delete(k.stdin, m[1])
		k.said, k.code = p.in(stdin, words(m[3])...)
		k.from, k.want, k.wantsAt = k.at, nil, 0
	case w[0] == "exit" && len(w) == 2:
		k.wantsAt = atoi(k.t, w[1])
	case w[0] == "let" && len(w) == 4:
		k.check()
		found := pattern(w[3]).FindString(k.said)
		require.NotEmpty(k.t, found, "%s: nothing like %s in:\n%s", k.at, w[3], k.said)
		k.vars[w[1]] = found
	case w[0] == "write" && len(w) == 3:
		require.NoError(k.t, os.WriteFile(filepath.Join(work, w[1]), []byte(w[2]), 0o644))
	default:
		k.want = append(k.want, line)
	}
}

// check compares what the last command printed with what it should have.
func (k *talker) check() {
	k.t.Helper()
	if k.from == "" {
		return
	}
	got := strings.Split(strings.TrimSuffix(k.said, "\n"), "\n")
	if k.said == "" {
		got = nil
	}
	same := len(got) == len(k.want)
	for i := 0; same && i < len(got); i++ {
		whole := regexp.MustCompile("^" + pattern(k.want[i]).String() + "$")
		same = whole.MatchString(strings.TrimRight(got[i], " "))
	}
	require.True(k.t, same, "%s: printed\n%s\nwanted\n%s", k.from, k.said, strings.Join(k.want, "\n"))
	require.Equal(k.t, k.wantsAt, k.code, "%s: exit code; printed\n%s", k.from, k.said)
	k.from = ""
}

func (k *talker) who(name, work string) *person {
	p, ok := k.people[name]
	if !ok {
		if p = k.c.person(k.t); strings.Contains(" alice bob charlie ", " "+name+" ") {
			p = k.c.loggedIn(k.t, name)
		}
		p.work = work
		k.people[name] = p
	}
	return p
}

// pattern is a line in which * is any word, what has no blank, quote or bracket in it, and ~ anything.
func pattern(line string) *regexp.Regexp {
	return regexp.MustCompile(strings.NewReplacer(`\*`, `[^\s"(){}\[\],;]*`, "~", ".*", " ", " +").Replace(regexp.QuoteMeta(line)))
}

// words splits a line as a shell does.
func words(line string) (all []string) {
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, open = r, true
		case r == ' ':
			if open {
				all = append(all, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if open {
		all = append(all, word.String())
	}
	return all
}
