"""One file per claim; `python -m benchmarks NAME` measures it and writes `benchmarks/results/NAME.json`."""
