"""Workers as jobs of SLURM, PBS or Grid Engine, by dask-jobqueue."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dask.utils import parse_bytes

from pipeline.cluster_profile import Batch
from schemas.errors import ClusterError

if TYPE_CHECKING:
    from dask_jobqueue.core import JobQueueCluster

_SUBMIT = {"slurm": "sbatch", "pbs": "qsub", "sge": "qsub"}
_PROJECT = Path(__file__).resolve().parents[1]


def submitted_cluster(where: Batch, worker_environment: dict[str, str]) -> "JobQueueCluster":
    """A scheduler in this process, with the profile's jobs asked for. Closing it cancels them.

    Raises
    ------
    ClusterError
        If the batch system's command is not on PATH, or it refuses the jobs.
    """
    command = _SUBMIT[where.kind]
    if shutil.which(command) is None:
        raise ClusterError(
            f"`kind: {where.kind}` submits jobs with `{command}`, which is not on PATH; "
            "run on a host that can submit jobs (a login node), or use another profile (docs/clusters.md)"
        )
    Path(where.log_dir).mkdir(parents=True, exist_ok=True)
    cluster: JobQueueCluster = _cluster_class(where.kind)(**job_options(where, worker_environment))
    try:
        for _ in range(where.jobs):  # not `scale`, which would submit in the background and only log a refusal
            cluster.worker_spec.update(cluster.new_worker_spec())
        cluster.sync(cluster._correct_state)
    except RuntimeError as error:  # with what the command printed
        _close_refused(cluster)
        raise ClusterError(f"`{command}` refused the job: {str(error).strip()}\nMend the profile (docs/clusters.md)") from error
    return cluster


def _close_refused(cluster: "JobQueueCluster") -> None:
    """Cancel the jobs that were accepted. Closing waits for ever for a job that never began, unless it is said to have failed."""
    from distributed import Status

    for job in cluster._created:
        if job.status == Status.created:
            job.status = Status.failed
    cluster.close()


def job_options(where: Batch, worker_environment: dict[str, str]) -> dict[str, Any]:
    """The profile in dask-jobqueue's words; what is not given is left to the site's own `jobqueue.yaml`."""
    account = "project" if where.kind == "sge" else "account"
    given = {
        "queue": where.queue,
        account: where.account,
        "interface": where.interface,
        "local_directory": where.scratch_dir,
        "python": where.python,
    }
    return {name: value for name, value in given.items() if value is not None} | {
        "scheduler_options": {"dashboard_address": ":0"},  # on a shared login node the usual port is mostly taken
        "cores": where.workers_per_job,
        "processes": where.workers_per_job,
        "memory": f"{parse_bytes(where.worker_memory) * where.workers_per_job} B",
        "walltime": where.walltime,
        "log_directory": where.log_dir,
        "job_extra_directives": list(where.directives),
        "job_script_prologue": [  # the stages' paths are relative to the project, and their code is imported from it
            *where.setup,
            *(f"export {name}={value}" for name, value in worker_environment.items()),
            f"cd '{_PROJECT}'",
        ],
    }


def _cluster_class(kind: str) -> Any:
    from dask_jobqueue.pbs import PBSCluster
    from dask_jobqueue.sge import SGECluster
    from dask_jobqueue.slurm import SLURMCluster

    return {"slurm": SLURMCluster, "pbs": PBSCluster, "sge": SGECluster}[kind]
