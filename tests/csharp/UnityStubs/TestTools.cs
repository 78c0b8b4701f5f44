// Stub of the Unity Test Framework: its attribute, so that the in-engine tests compile.
using System;

namespace UnityEngine.TestTools
{
    [AttributeUsage(AttributeTargets.Method)]
    public class UnityTestAttribute : Attribute
    {
    }
}
