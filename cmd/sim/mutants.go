package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/internal/usage"
	"parley/sim"
)

// mutant is a planted bug: a patch with the line "# <id> <one line>" before it.
type mutant struct {
	id    string
	title string
	files []filePatch
}

// mutantResult is what the catalogue's reader gets, one object a bug.
type mutantResult struct {
	ID         string `json:"id"`
	Found      bool   `json:"found"`
	Seeds      uint64 `json:"seeds"`
	SeedsFound uint64 `json:"seeds_found"`
	FirstSeed  uint64 `json:"first_seed"`
	Invariant  string `json:"invariant"`
	Without    string `json:"without,omitempty"` // what breaks in the first seed though the bug is not planted
	Control    bool   `json:"control,omitempty"` // nothing is wrong with it: it must not be found
}

// wrong reports whether the hunt ended as it must not: a bug was missed, a control was found, or what was found is in
// the tree itself.
func (r *mutantResult) wrong() bool { return r.Found == r.Control || r.Without != "" }

// compare takes the run of the first seed that found a bug in the tree as it is: if a judge speaks there, too, nothing was found.
func (r *mutantResult) compare(sound *sim.Result) {
	if v := sound.Violation; v != nil {
		r.Without = v.Invariant
	}
}

// control reports whether the patch changes nothing that could be noticed. A hunt that finds it has found
// something in the tree itself, or in the hunt.
func (m *mutant) control() bool { return isControl(m.id) }

func isControl(id string) bool { return strings.HasPrefix(id, "CONTROL") }

func mutantsCommand() *cobra.Command {
	var ids, except, patches []string
	var seeds uint64
	var asJSON, first, blind bool
	var dir, table string
	var scheduler schedulerFlag
	var fuzz time.Duration
	var part partFlag
	c := &cobra.Command{
		Use:   "mutants",
		Short: "Plant bugs and count the seeds that find them",
		Long: `Mutants applies each patch of testdata/mutants to a copy of the files it changes, builds the
simulator with them (go build -overlay; the tree stays as it is) and runs the seeds. A patch
that no longer applies is an error. It ends with status 1 if a bug was not found, or if one whose
id begins with CONTROL was: those patches change nothing that could be noticed; or if the first seed
that finds a bug fails without it as well.

With --table the rows of the bugs that were hunted are written into the table between the marks
"<!-- planted: <catalogue> -->" and "<!-- planted: end -->" of a page.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := scheduler.check(); err != nil {
				return err
			}
			root, err := moduleRoot()
			if err != nil {
				return err
			}
			list, err := loadMutants(root, dir, ids, patches)
			if err != nil {
				return err
			}
			if list, err = without(list, except); err != nil {
				return err
			}
			if list, err = part.of(list); err != nil {
				return err
			}
			if len(list) == 0 || seeds == 0 {
				return usage.Errorf("there is nothing to hunt: %d planted bugs, %d seeds", len(list), seeds)
			}
			if fuzz > 0 {
				return fuzzAll(c.OutOrStdout(), root, list, fuzz)
			}
			write := func(*mutant, mutantResult) error { return nil }
			if table != "" {
				planted, err := loadMutants(root, dir, nil, nil)
				if err != nil {
					return err
				}
				if write, err = tableWriter(filepath.Join(root, table), dir, planted); err != nil {
					return err
				}
			}
			missed := 0
			err = huntAll(list, func(m *mutant) (mutantResult, error) {
				r, err := m.hunt(root, seeds, first, blind, "--scheduler", scheduler.name)
				if err == nil && r.Found && !r.Control {
					r.compare(sim.Run(scheduler.plan(r.FirstSeed, time.Minute), sim.Options{Blind: blind}))
				}
				return r, err
			}, func(m *mutant, r mutantResult) error {
				if r.wrong() {
					missed++
				}
				if r.Without == "" {
					if err := write(m, r); err != nil {
						return err
					}
				}
				return printMutant(c.OutOrStdout(), m, r, asJSON)
			})
			if err != nil {
				return err
			}
			if missed > 0 {
				return errFailed
			}
			return nil
		},
	}
	c.Flags().StringSliceVar(&ids, "id", nil, "plant only the bugs with these ids")
	c.Flags().StringSliceVar(&except, "except", nil, "leave out the bugs with these ids")
	c.Flags().StringSliceVar(&patches, "patch", nil, "plant the bugs of these files instead of the catalogue's")
	c.Flags().StringVar(&dir, "catalogue", filepath.Join("testdata", "mutants"), "where the patches are")
	c.Flags().Uint64Var(&seeds, "seeds", 1000, "how many seeds hunt each bug")
	c.Flags().BoolVar(&first, "first", false, "stop at the first seed that finds the bug")
	c.Flags().BoolVar(&blind, "blind", false, "leave out the judges that look into disks")
	scheduler.add(c)
	c.Flags().DurationVar(&fuzz, "fuzz", 0, "let the fuzzer of sim hunt each bug for so long, instead of seeds")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a bug")
	c.Flags().StringVar((*string)(&part), "part", "", "hunt one part of the catalogue: 2/3 is every third bug from the second on, and the controls by turns")
	c.Flags().StringVar(&table, "table", "", "write the results into the table of this page, such as docs/bugs.md")
	return c
}

// moduleRoot is the directory of go.mod: patches name files from there.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	file := strings.TrimSpace(string(out))
	if err != nil || file == "" || file == os.DevNull {
		return "", errors.New("planting bugs needs the source: run it inside Parley's tree")
	}
	return filepath.Dir(file), nil
}

func loadMutants(root, dir string, ids, patches []string) ([]*mutant, error) {
	files := patches
	if len(files) == 0 {
		var err error
		if files, err = filepath.Glob(filepath.Join(root, dir, "*.patch")); err != nil {
			return nil, err
		}
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	var list []*mutant
	for _, file := range files {
		m, err := readMutant(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(ids) > 0 && !wanted[m.id] {
			continue
		}
		delete(wanted, m.id)
		list = append(list, m)
	}
	for _, id := range ids {
		if wanted[id] {
			return nil, fmt.Errorf("no planted bug has the id %s", id)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no planted bugs found")
	}
	return list, nil
}

// without leaves out the bugs with these ids, each of which must be there.
func without(list []*mutant, ids []string) ([]*mutant, error) {
	for _, id := range ids {
		at := slices.IndexFunc(list, func(m *mutant) bool { return m.id == id })
		if at < 0 {
			return nil, fmt.Errorf("no planted bug has the id %s, to be left out", id)
		}
		list = slices.Delete(list, at, at+1)
	}
	return list, nil
}

// partFlag names a part of a catalogue, "k/n"; empty is all of it.
type partFlag string

// of returns the bugs of the part, and a control: one that is not found takes as long as everything else in a small part, so that the parts
// have them by turns.
func (p partFlag) of(list []*mutant) ([]*mutant, error) {
	if p == "" {
		return list, nil
	}
	var k, n int
	if _, err := fmt.Sscanf(string(p), "%d/%d", &k, &n); err != nil || k < 1 || k > n {
		return nil, usage.Errorf("--part wants k/n like 2/3, not %q", string(p))
	}
	var mine, controls []*mutant
	for i, m := range list {
		if m.control() {
			controls = append(controls, m)
		} else if i%n == k-1 {
			mine = append(mine, m)
		}
	}
	for i, m := range controls {
		if i%n == k-1 || i == (k-1)%len(controls) {
			mine = append(mine, m)
		}
	}
	return mine, nil
}

func readMutant(file string) (*mutant, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m := &mutant{id: strings.TrimSuffix(filepath.Base(file), ".patch")}
	line, _, _ := strings.Cut(string(text), "\n")
	if rest, ok := strings.CutPrefix(line, "# "); ok {
		m.id, m.title, _ = strings.Cut(rest, " ")
	}
	m.files, err = parsePatch(string(text))
	return m, err
}

// huntAll hunts the bugs, as many at a time as there are processors: a build keeps hardly more than one busy.
// Results are handed on in order, and the first error ends it.
func huntAll(list []*mutant, hunt func(*mutant) (mutantResult, error), done func(*mutant, mutantResult) error) error {
	type outcome struct {
		r   mutantResult
		err error
	}
	outcomes := make([]chan outcome, len(list))
	for i := range list {
		outcomes[i] = make(chan outcome, 1)
	}
	var next atomic.Int64
	var over atomic.Bool
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for i := next.Add(1) - 1; int(i) < len(list) && !over.Load(); i = next.Add(1) - 1 {
				r, err := hunt(list[i])
				outcomes[i] <- outcome{r, err}
			}
		}()
	}
	defer over.Store(true)
	for i, m := range list {
		o := <-outcomes[i]
		if o.err != nil {
			return fmt.Errorf("%s: %w", m.id, o.err)
		}
		if err := done(m, o.r); err != nil {
			return err
		}
	}
	return nil
}

// hunt builds the simulator with the bug and runs the seeds; more are arguments of the soak.
func (m *mutant) hunt(root string, seeds uint64, first, blind bool, more ...string) (mutantResult, error) {
	work, err := os.MkdirTemp("", "parley-mutant-")
	if err != nil {
		return mutantResult{}, err
	}
	defer os.RemoveAll(work)
	program, err := m.build(root, work)
	if err != nil {
		return mutantResult{}, err
	}
	args := append([]string{"soak", "--all", "--seeds", fmt.Sprintf("1..%d", seeds)}, more...)
	if first {
		args = append(args, "--until-found")
	}
	if blind {
		args = append(args, "--blind")
	}
	var errs bytes.Buffer
	soak := exec.Command(program, args...)
	soak.Stderr = &errs
	out, err := soak.Output()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return mutantResult{}, fmt.Errorf("soak: %w\n%s", err, errs.Bytes())
	}
	return m.count(out)
}

// build compiles the simulator with the patched files in place of the tree's.
func (m *mutant) build(root, work string) (program string, err error) {
	listFile, err := m.overlay(root, work)
	if err != nil {
		return "", err
	}
	program = filepath.Join(work, "sim")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-overlay", listFile, "-o", program, "./cmd/sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not build: %w\n%s", err, out)
	}
	return program, nil
}

// overlay writes the patched files, and the list of them that the go command reads.
func (m *mutant) overlay(root, work string) (listFile string, err error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for i := range m.files {
		f := &m.files[i]
		path := filepath.Join(root, filepath.FromSlash(f.path))
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		changed, err := f.apply(string(text))
		if err != nil {
			return "", err
		}
		copied := filepath.Join(work, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(copied, []byte(changed), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[path] = copied
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	listFile = filepath.Join(work, "overlay.json")
	if err := os.WriteFile(listFile, list, 0o600); err != nil {
		return "", err
	}
	return listFile, nil
}

// count reads the lines of a soak.
func (m *mutant) count(out []byte) (mutantResult, error) {
	r := mutantResult{ID: m.id, Control: m.control()}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "seed=") {
			continue
		}
		var seed uint64
		verdict := ""
		for _, field := range strings.Fields(lines.Text()) {
			switch key, value, _ := strings.Cut(field, "="); key {
			case "seed":
				fmt.Sscan(value, &seed)
			case "verdict":
				verdict = value
			}
		}
		r.Seeds++
		if verdict == "ok" {
			continue
		}
		r.SeedsFound++
		if !r.Found {
			r.Found, r.FirstSeed, r.Invariant = true, seed, verdict
		}
	}
	return r, lines.Err()
}

func printMutant(out io.Writer, m *mutant, r mutantResult, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	switch {
	case r.Control && r.Found:
		_, err := fmt.Fprintf(out, "%-4s FOUND in seed %d by %s, and there is nothing to be found: %s\n", r.ID, r.FirstSeed, r.Invariant, m.title)
		return err
	case r.Control:
		_, err := fmt.Fprintf(out, "%-4s not found in %d seeds, as it must be: %s\n", r.ID, r.Seeds, m.title)
		return err
	case r.Without != "":
		_, err := fmt.Fprintf(out, "%-4s NOT what seed %d finds: without it %s breaks there as well, and is to be repaired first (sim run --seed %d): %s\n",
			r.ID, r.FirstSeed, r.Without, r.FirstSeed, m.title)
		return err
	case !r.Found:
		_, err := fmt.Fprintf(out, "%-4s MISSED in %d seeds: %s\n", r.ID, r.Seeds, m.title)
		return err
	}
	_, err := fmt.Fprintf(out, "%-4s found in %d of %d seeds, first in seed %d by %s: %s\n     %s\n",
		r.ID, r.SeedsFound, r.Seeds, r.FirstSeed, r.Invariant, m.title, sim.Sentence(r.Invariant))
	return err
}
