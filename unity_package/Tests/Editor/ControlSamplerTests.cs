#nullable enable
using Dreamport.Internal;
using Dreamport.Interop;
using NUnit.Framework;

namespace Dreamport.Tests
{
    /// <summary>Input by the contract's rules.</summary>
    public unsafe sealed class ControlSamplerTests
    {
        const long Begin = 1_000_000_000;

        [Test]
        public void AHeldButtonStaysAndIsOnePress()
        {
            var sampler = new ControlSampler();
            sampler.Hold(2, true);
            sampler.Hold(2, true);
            var first = Take(sampler);
            Assert.That(first.Buttons, Is.EqualTo(4));
            Assert.That(first.Pressed, Is.EqualTo(4));
            var second = Take(sampler);
            Assert.That(second.Buttons, Is.EqualTo(4), "still held");
            Assert.That(second.Pressed, Is.EqualTo(0), "pressed once");
        }

        [Test]
        public void APressBetweenTwoSamplesIsNotLost()
        {
            var sampler = new ControlSampler();
            sampler.Hold(0, true);
            sampler.Hold(0, false);
            var control = Take(sampler);
            Assert.That(control.Buttons, Is.EqualTo(0));
            Assert.That(control.Pressed, Is.EqualTo(1));
        }

        [Test]
        public void LookAddsUpAndIsTakenOnce()
        {
            var sampler = new ControlSampler();
            sampler.Look(1.5f, -2f);
            sampler.Look(1.5f, 0f);
            var control = Take(sampler);
            Assert.That(control.LookYawDeg, Is.EqualTo(3f));
            Assert.That(control.LookPitchDeg, Is.EqualTo(-2f));
            Assert.That(Take(sampler).LookYawDeg, Is.EqualTo(0f));
        }

        [Test]
        public void WhatNobodyTakesIsKeptUpToHalfATurn()
        {
            var sampler = new ControlSampler();
            for (var i = 0; i < 10; i++)
                sampler.Look(100f, 0f);
            Assert.That(Take(sampler).LookYawDeg, Is.EqualTo(180f));
        }

        [Test]
        public void ASampleThatTheLibraryRefusedIsWrittenAgain()
        {
            var sampler = new ControlSampler();
            sampler.Press(1);
            sampler.Look(5f, 0f);
            DpControl control;
            sampler.Write(&control, Begin);
            sampler.Write(&control, Begin);
            Assert.That(control.Pressed, Is.EqualTo(2));
            Assert.That(control.LookYawDeg, Is.EqualTo(5f));
        }

        [Test]
        public void ASampleIsDueWhenSomethingChangesAndEveryTenthOfASecond()
        {
            var sampler = new ControlSampler();
            Take(sampler);
            Assert.That(sampler.IsDue(Begin + 1_000_000), Is.False);
            Assert.That(sampler.IsDue(Begin + 100_000_000), Is.True);
            sampler.Hold(3, true);
            Assert.That(sampler.IsDue(Begin + 1_000_000), Is.True);
        }

        [Test]
        public void AMovedCameraIsSentAndAClearedOneHandsBack()
        {
            var sampler = new ControlSampler();
            var pose = new DpPose();
            pose.Orientation[3] = 1;
            sampler.SetCamera(pose);
            Assert.That(Take(sampler).HasCamera, Is.EqualTo(1));
            sampler.SetCamera(pose);
            Assert.That(sampler.IsDue(Begin + 1), Is.False, "the same place again");
            pose.Position[0] = 0.001;
            sampler.SetCamera(pose);
            Assert.That(sampler.IsDue(Begin + 1), Is.True);
            sampler.SetCamera(pose, new DpIntrinsics { Fx = 1, Fy = 1 });
            Assert.That(Take(sampler).HasCamera, Is.EqualTo(2));
            sampler.ClearCamera();
            Assert.That(Take(sampler).HasCamera, Is.EqualTo(0));
        }

        [Test]
        public void ABitThatNoWorldHasIsIgnored()
        {
            var sampler = new ControlSampler();
            sampler.Hold(-1, true);
            sampler.Hold(32, true);
            sampler.Press(-1);
            Assert.That(Take(sampler).Pressed, Is.EqualTo(0));
        }

        static DpControl Take(ControlSampler sampler)
        {
            DpControl control;
            sampler.Write(&control, Begin);
            sampler.Taken(Begin);
            return control;
        }
    }
}
