#nullable enable
using System;
using System.Collections.Generic;
using Dreamport.Interop;

namespace Dreamport
{
    /// <summary>A button of a world.</summary>
    public sealed class WorldButton
    {
        internal WorldButton(string name, string label, IReadOnlyList<string> keys)
        {
            Name = name;
            Label = label;
            Keys = keys;
        }

        /// <summary>Name in the world's control schema, for instance "forward".</summary>
        public string Name { get; }
        /// <summary>For people.</summary>
        public string Label { get; }
        /// <summary>Suggested keys as KeyboardEvent.code values, for instance "KeyW".</summary>
        public IReadOnlyList<string> Keys { get; }
    }

    /// <summary>A place from which a session can begin.</summary>
    public sealed class WorldStart
    {
        internal WorldStart(string name, string title)
        {
            Name = name;
            Title = title;
        }

        /// <summary>Name for DreamportWorld.start.</summary>
        public string Name { get; }
        /// <summary>For people.</summary>
        public string Title { get; }
    }

    /// <summary>A world as its backend describes it.</summary>
    public sealed class WorldInfo
    {
        internal unsafe WorldInfo(DpWorld* world)
        {
            Name = Utf8.Read(world->Name, 128);
            Title = Utf8.Read(world->Title, 128);
            Description = Utf8.Read(world->Description, 1024);
            Licence = Utf8.Read(world->Licence, 128);
            Digest = Utf8.Read(world->Digest, 72);
            Width = (int)world->Width;
            Height = (int)world->Height;
            FrameRate = world->FrameRate;
            Intrinsics = world->Intrinsics;
            DepthMinMetres = world->DepthMinM;
            DepthMaxMetres = world->DepthMaxM;
            LookMaxDegreesPerFrame = world->LookMaxDegPerFrame;
            HearsYaw = world->LookYaw != 0;
            HearsPitch = world->LookPitch != 0;
            TakesPose = world->TakesPose != 0;
            TakesPrompts = world->TakesPrompts != 0;
            var buttons = new WorldButton[Math.Min(world->ButtonCount, Limits.Buttons)];
            var button = (DpButton*)world->Buttons;
            for (var i = 0; i < buttons.Length; i++, button++)
            {
                var keys = new List<string>();
                for (var k = 0; k < Limits.Keys; k++)
                    if (button->Keys[k * 24] != 0)
                        keys.Add(Utf8.Read(button->Keys + k * 24, 24));
                buttons[i] = new WorldButton(Utf8.Read(button->Name, 48), Utf8.Read(button->Label, 64), keys);
            }
            Buttons = buttons;
            var starts = new WorldStart[Math.Min(world->StartCount, Limits.Starts)];
            var start = (DpNamed*)world->Starts;
            for (var i = 0; i < starts.Length; i++, start++)
                starts[i] = new WorldStart(Utf8.Read(start->Name, 64), Utf8.Read(start->Title, 128));
            Starts = starts;
            var events = new string[Math.Min(world->EventCount, Limits.Events)];
            for (var i = 0; i < events.Length; i++)
                events[i] = Utf8.Read(world->Events + i * 64, 64);
            Events = events;
        }

        /// <summary>Name.</summary>
        public string Name { get; }
        /// <summary>For people.</summary>
        public string Title { get; }
        /// <summary>For people.</summary>
        public string Description { get; }
        /// <summary>Licence of the world.</summary>
        public string Licence { get; }
        /// <summary>Digest of its pack; empty in a list.</summary>
        public string Digest { get; }
        /// <summary>The world's own frame width, pixels.</summary>
        public int Width { get; }
        /// <summary>The world's own frame height, pixels.</summary>
        public int Height { get; }
        /// <summary>Frames a second.</summary>
        public double FrameRate { get; }
        /// <summary>The world's own camera, pixels of its own frame size.</summary>
        public DpIntrinsics Intrinsics { get; }
        /// <summary>Nearest depth, metres.</summary>
        public double DepthMinMetres { get; }
        /// <summary>Farthest depth, metres.</summary>
        public double DepthMaxMetres { get; }
        /// <summary>Largest look angle of one frame, degrees.</summary>
        public double LookMaxDegreesPerFrame { get; }
        /// <summary>Whether the world turns left and right.</summary>
        public bool HearsYaw { get; }
        /// <summary>Whether the world looks up and down.</summary>
        public bool HearsPitch { get; }
        /// <summary>Whether a camera pose may drive it.</summary>
        public bool TakesPose { get; }
        /// <summary>Whether it takes prompts.</summary>
        public bool TakesPrompts { get; }
        /// <summary>Buttons; the index is the bit.</summary>
        public IReadOnlyList<WorldButton> Buttons { get; }
        /// <summary>Starts; the first is the default.</summary>
        public IReadOnlyList<WorldStart> Starts { get; }
        /// <summary>Names of what can happen in it.</summary>
        public IReadOnlyList<string> Events { get; }

        /// <summary>Bit of a button, or -1 when the world has none of that name. Upper and lower case do not matter.</summary>
        public int ButtonBit(string name)
        {
            for (var i = 0; i < Buttons.Count; i++)
                if (string.Equals(Buttons[i].Name, name, StringComparison.OrdinalIgnoreCase))
                    return i;
            return -1;
        }
    }
}
