package main

import (
	"fmt"
	"strconv"
	"strings"
)

// filePatch is the part of a unified diff that changes one file.
type filePatch struct {
	path  string
	hunks []hunk
}

// hunk replaces one stretch of lines by another. The context lines are in both.
type hunk struct {
	line     int // of before, from 1, where the diff was made
	before   []string
	after    []string
	position int // line of the patch, for errors
}

// parsePatch reads a unified diff. Lines before the first file are comments.
func parsePatch(text string) ([]filePatch, error) {
	var files []filePatch
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case strings.HasPrefix(line, "+++ "):
			path, _, _ := strings.Cut(strings.TrimPrefix(line, "+++ "), "\t")
			files = append(files, filePatch{path: strings.TrimPrefix(path, "b/")})
		case strings.HasPrefix(line, "@@ "):
			if len(files) == 0 {
				return nil, fmt.Errorf("line %d: a hunk before the first \"+++\" line", i+1)
			}
			h, end, err := parseHunk(lines, i)
			if err != nil {
				return nil, err
			}
			f := &files[len(files)-1]
			f.hunks = append(f.hunks, h)
			i = end
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no unified diff in it")
	}
	return files, nil
}

// parseHunk reads the hunk at line i and returns the last line that belongs to it.
func parseHunk(lines []string, i int) (hunk, int, error) {
	h := hunk{position: i + 1}
	fields := strings.Fields(lines[i]) // @@ -12,7 +12,8 @@
	if len(fields) < 4 {
		return h, i, fmt.Errorf("line %d: no hunk header", i+1)
	}
	start, count := span(fields[1])
	_, added := span(fields[2])
	h.line = start
	for count > 0 || added > 0 {
		i++
		if i >= len(lines) {
			return h, i, fmt.Errorf("line %d: the hunk ends early", h.position)
		}
		line := lines[i]
		if line == "" {
			line = " " // an editor stripped the blank of an empty context line
		}
		switch line[0] {
		case ' ':
			h.before, h.after = append(h.before, line[1:]), append(h.after, line[1:])
			count, added = count-1, added-1
		case '-':
			h.before = append(h.before, line[1:])
			count--
		case '+':
			h.after = append(h.after, line[1:])
			added--
		case '\\':
		default:
			return h, i, fmt.Errorf("line %d: neither context nor change: %q", i+1, line)
		}
	}
	return h, i, nil
}

// span reads "-12,7" or "+12", which is one line.
func span(s string) (start, count int) {
	first, second, ok := strings.Cut(s[1:], ",")
	start, _ = strconv.Atoi(first)
	count = 1
	if ok {
		count, _ = strconv.Atoi(second)
	}
	return start, count
}

// apply changes a file's text. Hunks may have moved: the place nearest to where
// the diff was made is taken, and it must hold all lines of the hunk.
func (f *filePatch) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	shift := 0
	for _, h := range f.hunks {
		at := nearest(lines, h.before, h.line-1+shift)
		if at < 0 {
			return "", fmt.Errorf("%s: the hunk at line %d of the patch fits nowhere", f.path, h.position)
		}
		changed := append([]string{}, lines[:at]...)
		changed = append(changed, h.after...)
		lines = append(changed, lines[at+len(h.before):]...)
		shift = at - (h.line - 1) + len(h.after) - len(h.before)
	}
	return strings.Join(lines, "\n"), nil
}

// nearest returns where the lines of want stand in lines, closest to from; -1 if
// nowhere.
func nearest(lines, want []string, from int) int {
	for off := 0; off <= len(lines); off++ {
		for _, at := range []int{from - off, from + off} {
			if at >= 0 && at+len(want) <= len(lines) && equal(lines[at:at+len(want)], want) {
				return at
			}
		}
	}
	return -1
}

func equal(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
