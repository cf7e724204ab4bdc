//! Evaluates one point of a bisection: a cell of the matrix, of a commit, or of a dependency's
//! commit.

use std::sync::Arc;

use anyhow::{Context, Result};
use pinmatrix_core::config::SourceSpec;
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::run::bisection::{BisectTarget, PointAnswer};

use crate::bisect::dependency::check_out;
use crate::bisect::query::{Axis, Point, PointPlace, Question};
use crate::bisect::{BisectLanes, FoundOutcome, PointResult, script};
use crate::cell::context::CellWork;
use crate::manifest::RequirementPin;
use crate::matrix::cell_context::CellContext;
use crate::run::{evict, inconclusive};
use crate::subject::path_pin::PathPin;
use crate::subject::source_tree::SourceReader;

impl BisectLanes<'_> {
    /// Evaluates one point. An error is an inconclusive result and does not end the bisection,
    /// unless it is a user error.
    pub(super) fn ask(&self, point: &Point, lane: usize) -> Result<PointResult> {
        match self.ask_in_place(point, lane) {
            Ok(found) => Ok(found),
            Err(error) if error.downcast_ref::<UserError>().is_some() => Err(error),
            Err(error) => Ok(PointResult::Outcome(Box::new(FoundOutcome {
                outcome: inconclusive(&error),
                is_known: false,
            }))),
        }
    }

    fn ask_in_place(&self, point: &Point, lane: usize) -> Result<PointResult> {
        let matrix = self.matrix;
        match &point.place {
            PointPlace::Matrix => {
                if let Some(why) = matrix.config.blocked.get(&*point.cell.pin) {
                    let why = format!("blocked: {why}");
                    return Ok(PointResult::Answer(PointAnswer::CannotTell, why));
                }
                let context =
                    CellContext::of(matrix, &point.cell)?.context("find its toolchain")?;
                self.ask_setting(&context, lane)
            }
            PointPlace::Commit(commit) => {
                let source = SourceSpec {
                    rev: Some(toml::Spanned::new(0..0, commit.clone())),
                    ..SourceSpec::default()
                };
                let reader = SourceReader {
                    config: &matrix.config,
                    place: &matrix.place,
                    cache: self.work_dirs.cache(),
                    cargo: &matrix.resolver,
                    child_env: &matrix.child_env,
                };
                let tree = reader.read(&source)?;
                let context = CellContext::on(matrix, &point.cell, &tree)?;
                self.ask_setting(&context.context("find its toolchain")?, lane)
            }
            PointPlace::Dependency(commit) => {
                let context =
                    CellContext::of(matrix, &point.cell)?.context("find its toolchain")?;
                self.ask_setting(&self.at_commit(context, commit, lane)?, lane)
            }
        }
    }

    /// Returns the context with the family taken from a commit of its repository.
    fn at_commit<'b>(
        &self,
        context: CellContext<'b>,
        commit: &str,
        lane: usize,
    ) -> Result<CellContext<'b>> {
        let Axis::Dependency { repository, .. } = &self.query.axis else {
            anyhow::bail!("a commit of a dependency on another axis");
        };
        let folder = self.work_dirs.dependency(repository, lane);
        check_out(repository, commit, &folder)?;
        let crates = context.family.crate_names();
        let (cargo, around) = (&self.matrix.resolver, &context.pin_context.child_env);
        // A commit that contains other crates cannot tell. That is not a user error.
        let members = PathPin::members_of(&folder, &crates, cargo, around);
        let members = members.map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let pin_context = Arc::clone(&context.pin_context);
        let holds = members
            .into_iter()
            .map(|(name, folder)| (name, RequirementPin::Path(folder)));
        Ok(CellContext {
            pin_context: Arc::new(pin_context.in_folder(
                holds.collect(),
                folder,
                commit.to_owned(),
            )),
            ..context
        })
    }

    fn ask_setting(&self, context: &CellContext<'_>, lane: usize) -> Result<PointResult> {
        let sandbox = match self.query.question {
            // The script is the user's own program. It runs without a sandbox, and so does what it
            // builds.
            Question::Script(_) => "script".to_owned(),
            Question::Cell | Question::Target(_) | Question::Case { .. } => {
                self.run_context.sandbox.name()?
            }
        };
        let folders = self.work_dirs.folders(context, &sandbox, lane)?;
        evict(self.run_context, &|label| {
            *label == context.cell.row.toolchain
        })?;
        let _occupied = self.run_context.evictor.mark_in_use(&folders);
        let work = CellWork {
            run_context: self.run_context,
            context,
            folders,
            only: self.only(),
        };
        if let Question::Script(file) = &self.query.question {
            let (answer, output) = script::ask(&work, file)?;
            return Ok(PointResult::Answer(answer, output));
        }
        let answer = work.run()?;
        Ok(PointResult::Outcome(Box::new(FoundOutcome {
            outcome: answer.outcome,
            is_known: answer.reused,
        })))
    }

    /// Returns the only target that the question is about, if that is known before anything is
    /// built.
    fn only(&self) -> Option<String> {
        let of_question = || match &self.query.question {
            Question::Target(target) => Some(target.clone()),
            Question::Case { target, .. } => target.clone(),
            Question::Cell | Question::Script(_) => None,
        };
        match &self.state().about {
            Some(BisectTarget::Target(id) | BisectTarget::Case(id, _)) => Some(id.to_string()),
            Some(BisectTarget::Cell) | None => of_question(),
        }
    }
}
