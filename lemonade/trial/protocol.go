package trial

import (
	"time"

	"github.com/lemo-nade/lemonade/lemonade/arch"
)

// Protocol is the version of the messages between searcher and worker.
const Protocol = 3

// Envelope is one line of JSON between searcher and worker. Exactly one field is set.
//
// The worker's modes: "parse" answers each Parse with a Parsed until its input
// closes; "train" answers one Job with any number of Progress and one Result;
// "plugin" installs what XLA needs and answers with a Backend. All begin with a
// Hello. A Fatal in place of an answer says that no other worker would do better.
type Envelope struct {
	Hello    *Hello    `json:"hello,omitempty"`
	Parse    *Parse    `json:"parse,omitempty"`
	Parsed   *Parsed   `json:"parsed,omitempty"`
	Job      *Job      `json:"job,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
	Result   *Result   `json:"result,omitempty"`
	Backend  *Backend  `json:"backend,omitempty"`
	Fatal    string    `json:"fatal,omitempty"`
}

// Hello is the handshake: what the worker speaks.
type Hello struct {
	Protocol int    `json:"protocol"`
	Language int    `json:"language"` // of architecture programs
	Engine   string `json:"engine"`   // such as "gomlx v0.28.2"
}

// Backend is what the workers of this machine train on.
type Backend struct {
	Name      string `json:"name"`      // value of GOMLX_BACKEND
	Device    string `json:"device"`    // such as "cpu"
	Machine   string `json:"machine"`   // the processor, and how many of its threads there are to use
	Precision string `json:"precision"` // that the device decides for
	Meter     string `json:"meter"`     // method by which energy is measured
}

// Parse asks for a program to be run with symbolic tensors, on what
// [arch.InputOf] makes of Input and Vocabulary.
type Parse struct {
	Source     string     `json:"source"`
	Input      arch.Shape `json:"input"`
	Vocabulary int        `json:"vocabulary,omitempty"` // token ids of a text; 0 where the input holds values
	Classes    int        `json:"classes"`
}

// Parsed is the program, or the error in it.
type Parsed struct {
	Program *arch.Program `json:"program,omitempty"`
	Error   string        `json:"error,omitempty"`
}

// Data names the samples that a job trains on.
type Data struct {
	Name         string `json:"name"`          // as in package datasets
	Dir          string `json:"dir,omitempty"` // where its files are; empty for an embedded set
	TrainSamples int    `json:"train_samples"` // stratified from the training split; 0 is all
	Fingerprint  string `json:"fingerprint"`   // set, split, samples, partial or whole
}

// Budget is what a job may spend.
type Budget struct {
	Epochs   int           `json:"epochs"`
	Deadline time.Duration `json:"deadline"` // ns, for the whole job; 0 is the evaluator's default
	Profile  time.Duration `json:"profile"`  // ns, for the measurement of inference; 0 is the profiler's default

	// NoProfile leaves the measurement of inference out: an earlier training of the
	// same network had it, and it does not depend on the weights.
	NoProfile bool `json:"no_profile,omitempty"`

	// Limits of training_energy, training_time and co2e, in each metric's unit. The
	// training stops once it breaks one, or will by the forecast at an epoch's end.
	Limits map[Metric]float64 `json:"limits,omitempty"`
}

// Accounting is how energy is measured and turned into carbon.
type Accounting struct {
	Meter     string  `json:"meter,omitempty"` // method asked for, as in LEMONADE_METER; "" is the best there is
	PUE       float64 `json:"pue"`             // power usage effectiveness, 1 or more
	Intensity float64 `json:"intensity"`       // g CO2e per kWh
	Source    string  `json:"source"`          // of the intensity: place, year and table, or who set it
}

// Forecast is what a whole training will take, as told after its first epoch:
// what was used so far, and the rest at the rate of that epoch.
type Forecast struct {
	Energy  float64  `json:"energy,omitempty"` // kWh as in training_energy; 0 where the energy is unknown
	Seconds float64  `json:"seconds"`          // as in training_time
	Error   *float64 `json:"error,omitempty"`  // known at the end: forecast energy / used energy - 1, of the time where energy is unknown
}

// Job is everything a worker needs to train and measure one network.
type Job struct {
	Network   *arch.Network `json:"network"`
	Recipe    arch.Recipe   `json:"recipe"`
	Data      Data          `json:"data"`
	Budget    Budget        `json:"budget"`
	Account   Accounting    `json:"account"`
	Seed      int64         `json:"seed"`
	Precision string        `json:"precision"`         // "float32" or "bfloat16"; "" lets the device decide
	Weights   string        `json:"weights,omitempty"` // file to write the trained weights to; "" writes none
	Test      bool          `json:"test,omitempty"`    // read the test split, once, when all else is done

	// Choices are the options that a template's program takes, by their names: what
	// an evaluator that trains nothing may know the network by.
	Choices map[string]string `json:"choices,omitempty"`
}

// Phases of a job.
const (
	PhaseData    = "data"
	PhaseCompile = "compile"
	PhaseTrain   = "train"
	PhaseProfile = "profile"
	PhaseTest    = "test" // told before the test split is read

	// PhaseEvaluate is no phase of progress but has its share of the seconds: the
	// validation after each epoch, and the count of training samples at the end.
	PhaseEvaluate = "evaluate"
	// PhaseIdle is none either: the power of the idle machine is measured.
	PhaseIdle = "idle"

	// Nor are these: the worker's process is started, XLA is opened with the energy
	// meter, the weights are written, and the process is ended.
	PhaseStart  = "start"
	PhasePlugin = "plugin"
	PhaseSave   = "save"
	PhaseStop   = "stop"
)

// Progress is where a job stands.
type Progress struct {
	Phase    string  `json:"phase"`
	Epoch    int     `json:"epoch,omitempty"` // from 1
	Epochs   int     `json:"epochs,omitempty"`
	Done     float64 `json:"done"` // share of the whole job, 0..1
	Loss     float64 `json:"loss,omitempty"`
	Accuracy float64 `json:"accuracy,omitempty"` // of the last validation
	Report   *Epoch  `json:"report,omitempty"`   // at the end of an epoch
	Rung     int     `json:"rung,omitempty"`     // that is being trained, from 1; 0 in a study without
	Rungs    int     `json:"rungs,omitempty"`    // that the study has

	Forecast *Forecast `json:"forecast,omitempty"` // at the end of the first epoch
}

// Result is how a job ended.
type Result struct {
	State    State              `json:"state"`            // Complete, Failed, or Infeasible where the training was stopped at a limit
	Reason   string             `json:"reason,omitempty"` // OutOfMemory, NaN, … with details
	Metrics  Metrics            `json:"metrics,omitempty"`
	Curve    []Epoch            `json:"curve,omitempty"`
	Seconds  map[string]float64 `json:"seconds,omitempty"` // by phase
	Forecast *Forecast          `json:"forecast,omitempty"`
	Quality  *Quality           `json:"quality,omitempty"` // of a network that was trained and measured
	Device   string             `json:"device,omitempty"`  // what it ran on
	Engine   string             `json:"engine,omitempty"`
}
