package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// fuzzTarget is the fuzz target of package sim: a run as a string of bytes.
const fuzzTarget = "FuzzRun"

// fuzzAll lets the fuzzer hunt each bug, one after another: it uses all processors by itself.
func fuzzAll(out io.Writer, root string, list []*mutant, limit time.Duration) error {
	missed := 0
	for _, m := range list {
		report, err := m.fuzz(root, limit)
		if err != nil {
			return fmt.Errorf("%s: %w", m.id, err)
		}
		if report == nil {
			missed++
			fmt.Fprintf(out, "%-4s MISSED by the fuzzer in %s: %s\n", m.id, limit, m.title)
			continue
		}
		fmt.Fprintf(out, "%-4s found by the fuzzer: %s\n%s\n", m.id, m.title, report)
	}
	if missed > 0 {
		return errFailed
	}
	return nil
}

// fuzz builds the fuzz target with the bug and runs it, and returns what it printed if it found something. It
// starts from the corpus of the tree, and nothing that it learns is kept: a bug's corpus would be the next one's luck.
func (m *mutant) fuzz(root string, limit time.Duration) (report []byte, err error) {
	work, err := os.MkdirTemp("", "parley-fuzz-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	listFile, err := m.overlay(root, work)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(work, "sim.test")
	build := exec.Command("go", "test", "-c", "-fuzz", fuzzTarget, "-overlay", listFile, "-o", program, "./sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("does not build: %w\n%s", err, out)
	}
	corpus := filepath.Join("testdata", "fuzz", fuzzTarget)
	if err := os.CopyFS(filepath.Join(work, corpus), os.DirFS(filepath.Join(root, "sim", corpus))); err != nil {
		return nil, err
	}
	run := exec.Command(program, "-test.run=^$", "-test.fuzz=^"+fuzzTarget+"$", "-test.fuzztime="+limit.String(),
		"-test.fuzzminimizetime=10x", "-test.fuzzcachedir="+filepath.Join(work, "cache"))
	run.Dir = work
	out, err := run.CombinedOutput()
	if err == nil {
		return nil, nil
	}
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !failedInput.Match(out) {
		return nil, fmt.Errorf("fuzzing: %w\n%s", err, out)
	}
	return out, nil
}

// failedInput is how the testing package says that the target failed.
var failedInput = regexp.MustCompile(`Failing input written to|failure while testing seed corpus entry`)
